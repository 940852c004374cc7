"""The facts of every model. Each entry names its source.

Prices could not be verified against AWS's own page; they come from third-party catalogues (September 2026).
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

from imaging.models import amazon, stability
from imaging.models.schema import Schema
from imaging.models.sizing import Grid, NativeSize, Size, nearest

_MEGAPIXEL = 1024 * 1024
MOST_PIXELS = 4 * _MEGAPIXEL
"""The largest image that any of these models makes; what claims to be larger is not decoded."""
_USER_GUIDE = "https://docs.aws.amazon.com/bedrock/latest/userguide"


@dataclass(frozen=True)
class Price:
    """Micro-dollars for one image; `quality` None means any, `up_to_pixels` None means any size."""

    usd_micros: int
    quality: str | None = None
    up_to_pixels: int | None = None

    def covers(self, size: Size, quality: str) -> bool:
        return self.quality in (None, quality) and (self.up_to_pixels is None or size.pixels <= self.up_to_pixels)


@dataclass(frozen=True)
class Model:
    """`prices` are tried in order. `cfg_scale` and `qualities` are None where the model has no such control;
    `random_seed` is the seed that means random, if there is one. `text_characters` is the most that a prompt, or a
    negative prompt, may have."""

    id: str
    name: str
    schema: Schema
    aliases: tuple[str, ...]
    regions: tuple[str, ...]
    native_sizes: Iterable[NativeSize]
    images_per_call: int
    cfg_scale: tuple[float, float] | None
    qualities: tuple[str, ...] | None
    prices: tuple[Price, ...]
    source: str
    price_verified: bool = False
    legacy_since: date | None = None
    end_of_life: date | None = None
    from_marketplace: bool = False
    random_seed: int | None = None
    text_characters: int = 512

    def price(self, size: Size, quality: str) -> int:
        """Micro-dollars for one image of that native size. Raises LookupError where the catalog knows no price."""
        for price in self.prices:
            if price.covers(size, quality):
                return price.usd_micros
        raise LookupError(f"{self.id} has no price for {size.width}x{size.height} in quality {quality}")

    def quote(self, wanted: Size, quality: str) -> tuple[NativeSize, int]:
        """The native size to ask for, and the price of one image in micro-dollars. Raises LookupError as `price`."""
        native = nearest(wanted, self.native_sizes, lambda size: self.price(size, quality))
        return native, self.price(native, quality)

    def has_ended(self, today: date) -> bool:
        """Whether the model is past its published end of life."""
        return self.end_of_life is not None and today >= self.end_of_life

    def region_near(self, home: str) -> str:
        """The region to call: the stack's own if the model is available there, else the model's first."""
        return home if home in self.regions else self.regions[0]


def offer(more: Mapping[str, Model]) -> None:
    """Makes the models of an operator known in this process, in place of those that were offered before."""
    _offered.clear()
    _offered.update(more)


def known() -> Mapping[str, Model]:
    """Every model by its id: the catalog's, and those of an operator."""
    return {**MODELS, **_offered}


def find(name: str, models: Mapping[str, Model] | None = None) -> Model:
    """The model with that id or alias, of all that are known by default. Raises KeyError."""
    for model in (known() if models is None else models).values():
        if name in (model.id, *model.aliases):
            return model
    raise KeyError(name)


def extended(places: Iterable[tuple[str, str, str]]) -> Mapping[str, Model]:
    """Models beside the catalog's, by their ids, from the id, a region and the family of each: an alias of the model
    that it behaves as. They have no price. A model of the catalog gets the region too. Raises KeyError."""
    more: dict[str, Model] = {}
    for model_id, region, family in places:
        model = more.get(model_id) or MODELS.get(model_id) or _successor(model_id, find(family, MODELS))
        more[model_id] = replace(model, regions=(*model.regions, region))
    return more


def _successor(model_id: str, known_member: Model) -> Model:
    return replace(
        known_member,
        id=model_id,
        name=model_id,
        aliases=(),
        regions=(),
        prices=(),
        legacy_since=None,
        end_of_life=None,
    )


def priced(prices: Mapping[str, int], more: Mapping[str, Model]) -> Mapping[str, Model]:
    """The catalog's models and more, by their ids, at the operator's prices where there are any: micro-dollars for any
    image, by model id."""
    models = {**MODELS, **more}
    own = {
        model_id: replace(models[model_id], prices=(Price(usd_micros),), price_verified=True)
        for model_id, usd_micros in prices.items()
    }
    return {**models, **own}


def _pairs(text: str) -> tuple[NativeSize, ...]:
    sides = (pair.split("x") for pair in text.split())
    return tuple(NativeSize(int(width), int(height)) for width, height in sides)


def _ratios(pixels: float, longest: int | None = None) -> tuple[NativeSize, ...]:
    """The size that each ratio yields at least: both sides rounded down to multiples of 64. AWS does not publish the
    exact pixels; the real size is read from each image."""
    return tuple(_ratio(name, pixels, longest) for name in stability.ASPECT_RATIOS)


def _ratio(name: str, pixels: float, longest: int | None) -> NativeSize:
    across, down = map(int, name.split(":"))
    scale = math.sqrt(pixels / (across * down))
    if longest is not None:
        scale = min(scale, longest / max(across, down))
    return NativeSize(int(across * scale) // 64 * 64, int(down * scale) // 64 * 64, name)


_TITAN_V2 = Model(
    id="amazon.titan-image-generator-v2:0",
    name="Amazon Titan Image Generator G1 v2",
    schema=amazon,
    aliases=("titan", "titan-v2"),
    regions=("us-east-1", "us-west-2"),
    native_sizes=_pairs(
        "1024x1024 512x512 768x768 384x576 576x384 768x1152 1152x768 384x640 640x384 768x1280 1280x768 448x576 "
        "576x448 896x1152 1152x896 384x704 704x384 768x1408 1408x768 320x704 704x320 640x1408 1408x640 1152x640 "
        "1173x640"
    ),
    text_characters=512,
    images_per_call=5,
    cfg_scale=(1.1, 10.0),
    qualities=("standard", "premium"),
    # AWS's two pages disagree on 768x768. The higher price is used, so that no cap is exceeded.
    prices=(
        Price(8_000, "standard", 512 * 512),
        Price(10_000, "standard"),
        Price(10_000, "premium", 512 * 512),
        Price(12_000, "premium"),
    ),
    end_of_life=date(2026, 6, 30),
    source=f"{_USER_GUIDE}/model-parameters-titan-image.html",
)

_NOVA_CANVAS = Model(
    id="amazon.nova-canvas-v1:0",
    name="Amazon Nova Canvas",
    schema=amazon,
    aliases=("canvas", "nova-canvas"),
    regions=("us-east-1", "eu-west-1", "ap-northeast-1"),
    native_sizes=Grid(step=16, shortest=320, longest=4096, most_pixels=4 * _MEGAPIXEL - 1, steepest=4),
    text_characters=1024,
    images_per_call=5,
    cfg_scale=(1.1, 10.0),
    qualities=("standard", "premium"),
    prices=(
        Price(40_000, "standard", _MEGAPIXEL),
        Price(60_000, "standard"),
        Price(60_000, "premium", _MEGAPIXEL),
        Price(80_000, "premium"),
    ),
    legacy_since=date(2026, 3, 30),
    end_of_life=date(2026, 9, 30),
    source="https://docs.aws.amazon.com/nova/latest/userguide/image-gen-req-resp-structure.html",
)


_STABILITY = partial(
    Model,
    schema=stability,
    regions=("us-west-2",),
    text_characters=10_000,
    images_per_call=1,
    cfg_scale=None,
    qualities=None,
    from_marketplace=True,
    random_seed=0,
)

_CORE = _STABILITY(
    id="stability.stable-image-core-v1:1",
    name="Stable Image Core 1.0",
    aliases=("core", "stable-image-core"),
    native_sizes=_ratios(1.5 * _MEGAPIXEL, longest=1536),
    prices=(Price(40_000),),
    source=f"{_USER_GUIDE}/model-parameters-diffusion-stable-image-core-text-image-request-response.html",
)

_ULTRA = _STABILITY(
    id="stability.stable-image-ultra-v1:1",
    name="Stable Image Ultra 1.0",
    aliases=("ultra", "stable-image-ultra"),
    native_sizes=_ratios(_MEGAPIXEL, longest=1536),
    prices=(Price(140_000),),
    source=f"{_USER_GUIDE}/model-parameters-diffusion-stable-ultra-text-image-request-response.html",
)

_SD35 = _STABILITY(
    id="stability.sd3-5-large-v1:0",
    name="Stable Diffusion 3.5 Large",
    aliases=("sd3.5", "sd3-5-large"),
    native_sizes=_ratios(_MEGAPIXEL),
    prices=(Price(80_000),),
    source=f"{_USER_GUIDE}/model-parameters-diffusion-3-5-large.html",
)

MODELS: Mapping[str, Model] = {model.id: model for model in (_TITAN_V2, _NOVA_CANVAS, _CORE, _ULTRA, _SD35)}

FAMILIES = tuple(model.aliases[0] for model in MODELS.values())
"""What a model that the catalog does not know can behave as: the newest known member of each family, by its alias."""

_offered: dict[str, Model] = {}
