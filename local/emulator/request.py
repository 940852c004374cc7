"""What a valid call asks for, in one vocabulary for all schema families."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Order:
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
