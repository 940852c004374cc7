"""A prompt over HTTP gives a link to a PNG."""

import hashlib
import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.e2e.laptop import Emulator, Stack, eventually


def test_the_documented_request_makes_a_valid_png_of_the_reported_size(
    api: httpx.Client, documented: dict[str, Any]
) -> None:
    answer = api.post("/generate", json=documented)

    assert answer.status_code == 200
    generation = answer.json()
    assert generation["message"] == "Images generated successfully"
    assert generation["local_path"] == "generated_images"
    (link,) = generation["images"]
    (detail,) = generation["details"]
    _assert_whole_png(link, detail)


@pytest.mark.parametrize("number", [2, 4])
def test_every_image_has_a_link_of_its_own(api: httpx.Client, documented: dict[str, Any], number: int) -> None:
    generation = api.post("/generate", json=documented | {"number_of_images": number}).json()

    assert len(set(generation["images"])) == number
    for link, detail in zip(generation["images"], generation["details"], strict=True):
        _assert_whole_png(link, detail)


def test_one_request_costs_one_call(api: httpx.Client, emulator: Emulator, documented: dict[str, Any]) -> None:
    api.post("/generate", json=documented)

    (call,) = emulator.calls()
    assert (call["model"], call["status"], call["images"]) == ("amazon.titan-image-generator-v2:0", 200, 1)


@pytest.fixture
def retired_titan(stack: Stack, emulator: Emulator) -> Iterator[Emulator]:
    emulator.configure(retired=["amazon.titan-image-generator-v2:0"])
    yield emulator
    stack.forget()


def test_a_request_falls_back_from_a_retired_model(
    api: httpx.Client, retired_titan: Emulator, documented: dict[str, Any]
) -> None:
    answer = api.post("/generate", json=documented)

    assert answer.status_code == 200
    generation = answer.json()
    assert generation["model"] == "stability.stable-image-core-v1:1"
    assert "model_fell_through" in {warning["code"] for warning in generation["warnings"]}
    _assert_whole_png(generation["images"][0], generation["details"][0])
    assert [(call["model"], call["images"]) for call in retired_titan.calls()] == [
        ("amazon.titan-image-generator-v2:0", 0),
        ("stability.stable-image-core-v1:1", 1),
    ]


def test_a_link_opens_one_image_until_it_expires(api: httpx.Client, stack: Stack, documented: dict[str, Any]) -> None:
    link = httpx.URL(api.post("/generate", json=documented).json()["images"][0])
    other = min(stack.keys())

    for tampered in (
        link.copy_set_param("X-Amz-Expires", "86400"),
        link.copy_set_param("X-Amz-Signature", "0" * 64),
        link.copy_with(path=f"/{stack.description['bucket']}/{other[:-5]}x.png"),
        link.copy_with(query=None),
    ):
        assert httpx.get(tampered, trust_env=False).status_code == 403
    assert link.params["X-Amz-Expires"] == "1800"
    assert httpx.get(link, trust_env=False).status_code == 200


def test_an_expired_link_is_refused(stack: Stack, role_credentials: dict[str, str], api: httpx.Client) -> None:
    generation = api.post("/generate", json={"text": "soon gone", "width": 512, "height": 512}).json()
    key = f"generated_images/{generation['details'][0]['id']}.png"
    link = stack.client("s3", **role_credentials).generate_presigned_url(
        "get_object", {"Bucket": stack.description["bucket"], "Key": key}, ExpiresIn=2
    )

    assert httpx.get(link, trust_env=False).status_code == 200
    eventually(lambda: httpx.get(link, trust_env=False).status_code == 403)


def test_the_image_is_mirrored_to_the_folder(api: httpx.Client, stack: Stack, documented: dict[str, Any]) -> None:
    generation = api.post("/generate", json=documented).json()

    file = stack.folder / "generated_images" / f"{generation['details'][0]['id']}.png"
    eventually(file.exists)
    assert _digest(file.read_bytes()) == _digest(httpx.get(generation["images"][0], trust_env=False).content)


def test_health_needs_no_key(anonymous: httpx.Client) -> None:
    answer = anonymous.get("/health")

    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


def _assert_whole_png(link: str, detail: dict[str, Any]) -> None:
    download = httpx.get(link, trust_env=False)
    assert (download.status_code, download.headers["content-type"]) == (200, "image/png")
    assert len(download.content) == detail["bytes"]
    with Image.open(io.BytesIO(download.content)) as image:
        image.load()
        assert (image.format, image.size) == ("PNG", (detail["width"], detail["height"]))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
