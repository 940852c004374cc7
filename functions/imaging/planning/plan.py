"""How a model would make what a request asks for: its calls, its price and the adjustments to warn of."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from imaging.errors import FieldError, InvalidRequest
from imaging.models.catalog import Model
from imaging.models.schema import Ask
from imaging.models.sizing import NativeSize, Size, scaled_into
from imaging.planning.route import Route
from imaging.requests.request import MAX_SEED, GenerationRequest
from imaging.requests.result import GenerationWarning


@dataclass(frozen=True)
class Slot:
    """One requested image. Images of one call share a seed and differ in `seed_index`."""

    index: int
    seed: int
    seed_index: int | None


@dataclass(frozen=True)
class Call:
    ask: Ask
    slots: tuple[Slot, ...]


@dataclass(frozen=True)
class Plan:
    """How a model would make what a request asks for.

    `wanted` is the size to deliver; `is_scaled` where the model makes none that covers the requested size.
    `price_micros` is the price of one image in micro-dollars. `refusal` is why the model cannot do it, if it cannot.
    """

    route: Route
    wanted: Size
    is_scaled: bool
    calls: tuple[Call, ...]
    price_micros: int
    warnings: tuple[GenerationWarning, ...]
    refusal: InvalidRequest | None

    @property
    def is_native(self) -> bool:
        """Whether the models are asked for exactly the wanted size."""
        wanted = (self.wanted.width, self.wanted.height)
        return all((call.ask.size.width, call.ask.size.height) == wanted for call in self.calls)

    def max_micros(self, settled: Collection[int]) -> int:
        """What the images that are missing may cost. A call makes all of its images or none."""
        if self.refusal:
            return 0
        calls = (call.slots for call in self.calls)
        missing = sum(len(slots) for slots in calls if any(slot.index not in settled for slot in slots))
        return self.price_micros * missing


def max_price(plans: Sequence[Plan], settled: Collection[int] = ()) -> int:
    """Micro-dollars that the images that are missing may cost at most, whichever model answers."""
    return max(each.max_micros(settled) for each in plans)


def plan(route: Route, request: GenerationRequest, seed: int) -> Plan:
    """How the model makes what `request` asks for, starting at `seed`."""
    model, requested = route.model, Size(request.width, request.height)
    native, price_micros = model.quote(requested, request.quality)
    wanted = scaled_into(native, requested)
    return Plan(
        route,
        wanted,
        wanted != requested,
        tuple(_calls(model, request, native, seed)),
        price_micros,
        (*_size_warnings(model, requested, wanted), *_warnings(model, request)),
        refusal(model, request),
    )


def refusal(model: Model, request: GenerationRequest) -> InvalidRequest | None:
    """Why the model cannot make what the request asks for, if it cannot."""
    field = request.longest_text
    if len(getattr(request, field)) <= model.text_characters:
        return None
    rule = f"{model.id} takes at most {model.text_characters} characters"
    return InvalidRequest(
        f"The text is too long: {rule}. Shorten it, or ask for a model that takes more.",
        fields=[FieldError(field, rule)],
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
    """The seed and those that follow, wrapping at the limit. A seed that means random is skipped."""
    while True:
        yield seed
        seed = (seed + 1) % (MAX_SEED + 1)
        if seed == random_seed:
            seed += 1


def _cfg_scale(model: Model, wanted: float) -> float | None:
    return model.cfg_scale and min(max(wanted, model.cfg_scale[0]), model.cfg_scale[1])


def _size_warnings(model: Model, requested: Size, wanted: Size) -> Iterator[GenerationWarning]:
    if wanted != requested:
        yield GenerationWarning(
            code="size_scaled",
            field="width",
            detail=f"{model.id} makes no {requested.width}x{requested.height} pixels; {wanted.width}x{wanted.height} "
            "is the largest size of about the same ratio that needs no enlarging.",
        )


def _warnings(model: Model, request: GenerationRequest) -> Iterator[GenerationWarning]:
    if request.sets("cfg_scale"):
        yield from _cfg_scale_warnings(model, request.cfg_scale)
    if request.sets("quality") and request.model and model.qualities is None:
        yield GenerationWarning(
            code="quality_ignored",
            field="quality",
            detail=f"{model.id} has no quality setting; the value was not used.",
        )
    if request.sets("seed") and request.seed is not None and request.seed == model.random_seed:
        yield GenerationWarning(
            code="seed_random",
            field="seed",
            detail=f"To {model.id} the seed {request.seed} means random; each image's entry has the seed used.",
        )


def _cfg_scale_warnings(model: Model, wanted: float) -> Iterator[GenerationWarning]:
    if model.cfg_scale is None:
        detail = f"{model.id} has no cfg_scale; the value was not used."
        yield GenerationWarning(code="cfg_scale_ignored", field="cfg_scale", detail=detail)
    elif (used := _cfg_scale(model, wanted)) != wanted:
        low, high = model.cfg_scale
        detail = f"{model.id} takes {low:g} to {high:g}; {used:g} was used instead of {wanted:g}."
        yield GenerationWarning(code="cfg_scale_clamped", field="cfg_scale", detail=detail)
