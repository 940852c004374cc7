"""A valid request, with the same fields for all schema families."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ImageRequest:
    prompt: str
    width: int
    height: int
    negative_prompt: str = ""
    images: int = 1
    seed: int = 0
    random_seed: bool = False
    cfg_scale: float = 0.0
    style: str = ""
    output_format: str = "png"
