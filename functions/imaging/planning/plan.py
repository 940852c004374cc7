"""From a request and a model to the calls to make, and the adjustments that the caller is told of."""

from collections.abc import Iterator
from dataclasses import dataclass

from imaging.models.catalog import Model
from imaging.models.schema import Ask
from imaging.models.sizing import NativeSize, Size, nearest, scaled_into
from imaging.requests.request import MAX_SEED, GenerationRequest
from imaging.requests.result import GenerationWarning


@dataclass(frozen=True)
class Slot:
    """One image's place among those asked for. Images of one call share a seed and are told apart by `seed_index`."""

    index: int
    seed: int
    seed_index: int | None


@dataclass(frozen=True)
class Call:
    ask: Ask
    slots: tuple[Slot, ...]


@dataclass(frozen=True)
class Plan:
    """`wanted` is the size to make; `is_scaled` where the model makes none that covers what was asked for.
    `price_micros` is one image's price."""

    model: Model
    wanted: Size
    is_scaled: bool
    calls: tuple[Call, ...]
    price_micros: int
    warnings: tuple[GenerationWarning, ...]


def plan(model: Model, request: GenerationRequest, seed: int) -> Plan:
    """How `model` makes what `request` asks for, starting at `seed`."""
    asked = Size(request.width, request.height)
    native = nearest(asked, model.native_sizes, lambda size: model.price(size, request.quality))
    wanted = scaled_into(native, asked)
    return Plan(
        model,
        wanted,
        wanted != asked,
        tuple(_calls(model, request, native, seed)),
        model.price(native, request.quality),
        (*_size_warnings(model, asked, wanted), *_warnings(model, request)),
    )


def _calls(model: Model, request: GenerationRequest, native: NativeSize, seed: int) -> Iterator[Call]:
    seeds = _following(seed, model.random_seed)
    for start in range(0, request.number_of_images, model.images_per_call):
        images = min(model.images_per_call, request.number_of_images - start)
        call_seed = next(seeds)
        slots = (
            Slot(start + place, call_seed, place if model.images_per_call > 1 else None) for place in range(images)
        )
        yield Call(_ask(model, request, native, call_seed, images), tuple(slots))


def _ask(model: Model, request: GenerationRequest, native: NativeSize, seed: int, images: int) -> Ask:
    return Ask(
        text=request.text,
        negative_text=request.negative_text,
        size=native,
        images=images,
        seed=seed,
        quality=request.quality if model.qualities else None,
        cfg_scale=_cfg_scale(model, request.cfg_scale),
    )


def _following(seed: int, random_seed: int | None) -> Iterator[int]:
    """That seed and those after it, starting again at the limit; one that means random is left out."""
    while True:
        yield seed
        seed = (seed + 1) % (MAX_SEED + 1)
        if seed == random_seed:
            seed += 1


def _cfg_scale(model: Model, wanted: float) -> float | None:
    return model.cfg_scale and min(max(wanted, model.cfg_scale[0]), model.cfg_scale[1])


def _size_warnings(model: Model, asked: Size, wanted: Size) -> Iterator[GenerationWarning]:
    if wanted != asked:
        yield GenerationWarning(
            code="size_scaled",
            field="width",
            detail=f"{model.id} makes no {asked.width}x{asked.height} pixels; {wanted.width}x{wanted.height} is the "
            "largest size of about the same ratio that needs no enlarging.",
        )


def _warnings(model: Model, request: GenerationRequest) -> Iterator[GenerationWarning]:
    if request.asks_for("cfg_scale"):
        yield from _cfg_scale_warnings(model, request.cfg_scale)
    if request.asks_for("quality") and request.model and model.qualities is None:
        yield GenerationWarning(
            code="quality_ignored",
            field="quality",
            detail=f"{model.id} knows no quality; its only one was used.",
        )
    if request.asks_for("seed") and request.seed is not None and request.seed == model.random_seed:
        yield GenerationWarning(
            code="seed_random",
            field="seed",
            detail=f"To {model.id} the seed {request.seed} means random; each image tells the seed it used.",
        )


def _cfg_scale_warnings(model: Model, wanted: float) -> Iterator[GenerationWarning]:
    if model.cfg_scale is None:
        detail = f"{model.id} knows no cfg_scale; the value was not used."
        yield GenerationWarning(code="cfg_scale_ignored", field="cfg_scale", detail=detail)
    elif (used := _cfg_scale(model, wanted)) != wanted:
        low, high = model.cfg_scale
        detail = f"{model.id} takes {low:g} to {high:g}; {used:g} was used instead of {wanted:g}."
        yield GenerationWarning(code="cfg_scale_clamped", field="cfg_scale", detail=detail)
