"""A running emulator, a real boto3 client in front of it, and the control endpoint."""

import base64
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from PIL import Image

from local.emulator.testing import running_emulator

PROFILE = "arn:aws:bedrock:us-west-2:000000000000:application-inference-profile/abc"


class Emulator:
    """What a test does to an emulator, from the outside."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, trust_env=False)

    def configure(self, **configuration: object) -> httpx.Response:
        return self.http.post("/_control", json=configuration)

    def calls(self) -> list[dict[str, Any]]:
        return self.http.get("/_control/calls").json()

    def reset(self) -> None:
        self.configure()
        self.http.delete("/_control/calls")

    def post(self, model: str, body: bytes, **headers: str) -> httpx.Response:
        """Send raw bytes without a signature."""
        path = f"/model/{model.replace(':', '%3A').replace('/', '%2F')}/invoke"
        return self.http.post(path, content=body, headers=headers)

    def client(self, region: str = "us-west-2", **credentials: str) -> Any:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"} | credentials
        config = Config(retries={"mode": "standard", "total_max_attempts": 1}, max_pool_connections=100)
        return boto3.client("bedrock-runtime", region_name=region, endpoint_url=self.url, config=config, **keys)

    def invoke(self, model: str, body: object, region: str = "us-west-2") -> dict[str, Any]:
        answer = self.client(region).invoke_model(modelId=model, body=json.dumps(body))
        return json.loads(answer["body"].read())


@pytest.fixture(scope="session")
def running() -> Iterator[Emulator]:
    with running_emulator(profiles={PROFILE: "stability.stable-image-core-v1:1"}) as url:
        emulator = Emulator(url)
        with emulator.http:
            yield emulator


@pytest.fixture
def emulator(running: Emulator) -> Emulator:
    """Return the emulator of this process as if it had just started: every model alive, nothing recorded."""
    running.reset()
    return running


@pytest.fixture(scope="session")
def opened() -> Callable[[str], Image.Image]:
    """Decode a picture of an answer, wholly, so that a broken one fails."""

    def open_picture(picture: str) -> Image.Image:
        image = Image.open(io.BytesIO(base64.b64decode(picture, validate=True)))
        image.load()
        return image

    return open_picture
