"""The documents' own design, FastAPI with one route, on Lambda by Mangum; the clients are the bare script's."""

import time
from typing import Annotated, Any

import bare
from channel import answer
from fastapi import FastAPI
from mangum import Mangum
from pydantic import BaseModel, Field

Side = Annotated[int, Field(ge=512, le=1024)]

app = FastAPI()


class ImageRequest(BaseModel):
    text: str = Field(min_length=1, max_length=512)
    width: Side = 1024
    height: Side = 1024
    number_of_images: int = Field(1, ge=1, le=4)
    cfg_scale: float = Field(8, ge=1, le=20)
    seed: int = Field(42, ge=0, le=2147483646)
    quality: str = "standard"


@app.post("/generate")
def generate(request: ImageRequest) -> dict[str, Any]:
    body = {"prompt": request.text, "aspect_ratio": "1:1", "seed": request.seed, "output_format": "png"}
    return {"message": "Images generated successfully", **bare.call({"model": MODEL, "bodies": [body]})}


MODEL = "stability.stable-image-core-v1:1"
handler = Mangum(app, lifespan="off")
answer({"ready": time.monotonic()})
