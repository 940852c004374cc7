"""Calls the emulator with boto3 and over HTTP."""

import base64
import io
import json
from functools import cache
from typing import Any

import boto3
import httpx
from botocore.config import Config
from PIL import Image
from types_boto3_bedrock_runtime import BedrockRuntimeClient

TITAN = "amazon.titan-image-generator-v2:0"
CANVAS = "amazon.nova-canvas-v1:0"
CORE = "stability.stable-image-core-v1:1"
ULTRA = "stability.stable-image-ultra-v1:1"
SD3_5 = "stability.sd3-5-large-v1:0"
STABILITY = (CORE, ULTRA, SD3_5)
EVERY_MODEL = (TITAN, CANVAS, *STABILITY)
HOME = {TITAN: "us-east-1", CANVAS: "us-east-1"}
PROFILE = "arn:aws:bedrock:us-west-2:000000000000:application-inference-profile/abc"


class Emulator:
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

    def client(self, region: str) -> BedrockRuntimeClient:
        return _client(self.url, region)

    def invoke(self, model: str, body: object, region: str | None = None) -> dict[str, Any]:
        """Call the model, by default in one of its regions."""
        client = self.client(region or HOME.get(model, "us-west-2"))
        answer = client.invoke_model(modelId=model, body=json.dumps(body))
        return json.loads(answer["body"].read())


@cache
def _client(url: str, region: str) -> BedrockRuntimeClient:
    return boto3.client(
        "bedrock-runtime",
        region_name=region,
        endpoint_url=url,
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}, max_pool_connections=100),
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - nothing is behind it
    )


def smallest(model: str, prompt: str = "a cat", **settings: object) -> dict[str, Any]:
    """Return a small valid body; settings go where the family expects them."""
    if model in {TITAN, CANVAS}:
        config = {"width": 512, "height": 512} | settings
        return {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": prompt}, "imageGenerationConfig": config}
    return {"prompt": prompt} | settings


def decoded(picture: str) -> bytes:
    return base64.b64decode(picture, validate=True)


def opened(picture: str) -> Image.Image:
    """Decode a picture wholly, so that a broken one fails."""
    image = Image.open(io.BytesIO(decoded(picture)))
    image.load()
    return image
