"""Open WebUI's request, as its image router sends it for the engine `openai`; the program is too large to install.

Source: backend/open_webui/routers/images.py of open-webui. It asks for base64 unless the model's name begins with
gpt-image, and takes what comes as `url` before what comes as `b64_json`. It never retries.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Sequence

from trying import API_KEY, BASE_URL, BLOCKED_PROMPT, PROMPT, WRONG_KEY, Image, tried


class ClientResponseError(Exception):
    def __init__(self, status_code: int, message: str) -> None:
        super().__init__(message)
        self.status_code = status_code


def images(prompt: str = PROMPT, *, key: str = API_KEY, **wanted: object) -> Sequence[Image]:
    body = {"model": "gpt-image-1.5", "prompt": prompt, "n": 1, "size": "1024x1024"} | wanted
    if not str(body["model"]).startswith("gpt-image"):
        body["response_format"] = "b64_json"
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(  # noqa: S310 - the laptop stack
        f"{BASE_URL}/images/generations", json.dumps(body).encode(), headers
    )
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - the laptop stack
            found = json.load(answer)
    except urllib.error.HTTPError as error:
        raise ClientResponseError(error.code, error.read().decode()) from error
    return [{"url": image.get("url"), "b64_json": image.get("b64_json")} for image in found["data"]]


tried(
    None,
    one=images,
    two=lambda: images(n=2, size="512x512"),
    base64=lambda: images(model="dall-e-3"),
    blocked=lambda: images(BLOCKED_PROMPT),
    wrong_key=lambda: images(key=WRONG_KEY),
)
