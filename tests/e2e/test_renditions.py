"""Renditions by HTTP, under the function's own role."""

import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from PIL import Image

from imaging.images.provenance import SOURCE_TYPE


@pytest.mark.parametrize(("extension", "kind"), [("jpg", "JPEG"), ("webp", "WEBP"), ("png", "PNG")])
def test_a_small_rendition_is_made_found_and_deleted_with_its_image(
    api: httpx.Client, documented: dict[str, Any], extension: str, kind: str
) -> None:
    (detail,) = api.post("/generate", json=documented).json()["details"]
    target = f"/images/{detail['id']}.{extension}?width=320"

    with ThreadPoolExecutor(5) as pool:
        links = list(pool.map(lambda _: api.get(target).headers["location"], range(5)))

    files = {httpx.get(link, trust_env=False).content for link in links}
    (data,) = files
    picture = Image.open(io.BytesIO(data))
    assert (picture.format, picture.size) == (kind, (320, 320))
    assert SOURCE_TYPE.encode() in data
    found = api.get("/images", params={"sha256": hashlib.sha256(data).hexdigest()}).json()["images"]
    assert [image["id"] for image in found] == [detail["id"]]
    assert api.delete(f"/images/{detail['id']}.png").status_code == 204
    assert httpx.get(links[0], trust_env=False).status_code in {403, 404}
    assert api.get(target).status_code == 404
