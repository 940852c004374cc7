"""Stable Image Core, Stable Image Ultra and Stable Diffusion 3.5 Large."""

import json
from dataclasses import dataclass
from typing import Any, cast

from local.emulator.errors import invalid
from local.emulator.families import Body
from local.emulator.request import ImageRequest
from local.emulator.schema import Integer, Number, Object, Rule, Text, check

Sizes = dict[str, tuple[int, int]]

PROMPT = Text(max_length=10_000)
CORE_FIELDS = ("prompt", "negative_prompt", "mode", "seed", "output_format", "aspect_ratio")
FIELDS = ("prompt", "negative_prompt", "mode", "strength", "seed", "output_format", "image", "aspect_ratio")

# Bedrock does not document what a ratio yields: about 1.5 and 1 megapixels, in multiples of 64,
# each side within the documented 640 to 1536.
CORE_SIZES: Sizes = {
    "1:1": (1216, 1216),
    "16:9": (1536, 896),
    "9:16": (896, 1536),
    "21:9": (1536, 640),
    "9:21": (640, 1536),
    "3:2": (1536, 1024),
    "2:3": (1024, 1536),
    "5:4": (1344, 1088),
    "4:5": (1088, 1344),
}
ONE_MEGAPIXEL_SIZES: Sizes = {
    "1:1": (1024, 1024),
    "16:9": (1344, 768),
    "9:16": (768, 1344),
    "21:9": (1536, 640),
    "9:21": (640, 1536),
    "3:2": (1216, 832),
    "2:3": (832, 1216),
    "5:4": (1152, 896),
    "4:5": (896, 1152),
}


@dataclass(frozen=True)
class Stability:
    fields: tuple[str, ...]
    sizes: Sizes
    max_seed: int = 4_294_967_295
    formats: tuple[str, ...] = ("jpeg", "png")
    makes_ratios = True

    def read(self, body: object) -> ImageRequest:
        self._refuse_unknown_fields(body)
        check(self._rule(), body)
        return self._request(cast("dict[str, Any]", body))

    def blocked_prompt(self) -> Body:
        return {"finish_reasons": ["Filter reason: prompt"]}

    def inference_error(self) -> Body:
        return {"finish_reasons": ["Inference error"]}

    def answer(self, seed: int, pictures: list[str | None]) -> Body:
        if None in pictures:
            return {"finish_reasons": ["Filter reason: output image"]}
        return {
            "seeds": [seed for _ in pictures],
            "finish_reasons": [None for _ in pictures],
            "images": pictures,
        }

    def _refuse_unknown_fields(self, body: object) -> None:
        if isinstance(body, dict) and not body.keys() <= set(self.fields):
            available = ", ".join(self.fields)
            raise invalid(json.dumps({"detail": f"Invalid field in request. Available fields: [{available}]"}))

    def _rule(self) -> Object:
        rules: dict[str, Rule] = {
            "prompt": PROMPT,
            "negative_prompt": PROMPT,
            "mode": Text(one_of=("text-to-image", "image-to-image")),
            "aspect_ratio": Text(one_of=tuple(self.sizes)),
            "seed": Integer(0, self.max_seed),
            "output_format": Text(one_of=self.formats),
            "image": Text(),
            "strength": Number(0, 1),
        }
        return Object(rules, required=("prompt",))

    def _request(self, body: dict[str, Any]) -> ImageRequest:
        _refuse_image_to_image(body)
        width, height = self.sizes[body.get("aspect_ratio", "1:1")]
        return ImageRequest(
            prompt=body["prompt"],
            negative_prompt=body.get("negative_prompt", ""),
            width=width,
            height=height,
            seed=body.get("seed", 0),
            random_seed=body.get("seed", 0) == 0,
            output_format=body.get("output_format", "png"),
        )


def _refuse_image_to_image(body: dict[str, Any]) -> None:
    if body.get("mode") == "image-to-image" or body.keys() & {"image", "strength"}:
        raise invalid("This emulator only makes images from text: image-to-image is not emulated.")


CORE = Stability(fields=CORE_FIELDS, sizes=CORE_SIZES)
ULTRA = Stability(fields=FIELDS, sizes=ONE_MEGAPIXEL_SIZES)
SD3_5_LARGE = Stability(
    fields=FIELDS,
    sizes=ONE_MEGAPIXEL_SIZES,
    max_seed=4_294_967_294,
    formats=("jpeg", "png", "webp"),
)
