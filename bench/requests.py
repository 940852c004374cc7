"""The requests that are measured, and the same for the bare script. Each is a new generation by its seed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.laptop import Function, Laptop, http_event
from bench.places import Program

PROMPT = "A beautiful sunset over the ocean"


@dataclass(frozen=True)
class Kind:
    """What is asked, and of which model; `region` is where the model lives. A default request names no model."""

    model: str
    side: int
    images: int = 1
    is_named: bool = True

    @property
    def region(self) -> str:
        return "us-east-1" if self.model.startswith("amazon.") else "us-west-2"

    def body(self, seed: int) -> dict[str, Any]:
        size = {"width": self.side, "height": self.side}
        named = {"model": self.model} if self.is_named else {}
        return {"text": PROMPT, **size, "number_of_images": self.images, "seed": seed, **named}

    def model_body(self, seed: int) -> dict[str, Any]:
        if not self.model.startswith("amazon."):
            return {"prompt": PROMPT, "aspect_ratio": "1:1", "seed": seed, "output_format": "png"}
        config = {"quality": "standard", "numberOfImages": 1, "cfgScale": 8, "seed": seed}
        size = {"width": self.side, "height": self.side}
        return {
            "taskType": "TEXT_IMAGE",
            "textToImageParams": {"text": PROMPT},
            "imageGenerationConfig": {**config, **size},
        }


NATIVE = Kind("amazon.titan-image-generator-v2:0", 1024, is_named=False)
FITTED = Kind("stability.stable-image-core-v1:1", 1024)
FOUR_FITTED = Kind("stability.stable-image-core-v1:1", 1024, images=4)


class WrongAnswer(Exception):
    """A measured request was not answered with its images."""


def ask_handler(program: Program, laptop: Laptop, function: Function, kind: Kind) -> Mapping[str, Any]:
    """Return what the request took."""
    event = http_event(function.variables["GATEWAY_TOKEN"], kind.body(next(laptop.seeds)))
    taken: Mapping[str, Any] = program.ask(event)
    if taken["answer"]["statusCode"] != 200:  # noqa: PLR2004 - OK
        raise WrongAnswer(taken["answer"])
    return taken


def ask_bare(program: Program, laptop: Laptop, kind: Kind) -> Mapping[str, Any]:
    taken: Mapping[str, Any] = program.ask(bare_request(laptop, kind))
    if len(taken["answer"]["images"]) != kind.images:
        raise WrongAnswer(taken["answer"])
    return taken


def bare_request(laptop: Laptop, kind: Kind) -> dict[str, Any]:
    seed = next(laptop.seeds)
    return {"model": kind.model, "bodies": [kind.model_body(seed + number) for number in range(kind.images)]}
