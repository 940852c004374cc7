"""The configuration that tests post to the emulator, and its counters."""

import random
from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from local.emulator.errors import STATUS
from local.emulator.request import ImageRequest

PICTURE_FAULTS = ("drop", "not_png", "truncated_png", "fewer_images", "inference_error")
MAX_RANDOM_SEED = 4_294_967_294
FAULTS = (*STATUS, *PICTURE_FAULTS)


def _known_fault(name: str) -> str:
    if name not in FAULTS:
        raise ValueError(f"{name!r} is none of {', '.join(FAULTS)}")
    return name


def _iso_time(text: str) -> str:
    datetime.fromisoformat(text)
    return text


Side = Annotated[int, Field(ge=1, le=4096)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Fault(_Strict):
    """A fault that occurs always, a number of times, or at a rate."""

    model: str
    error: Annotated[str, AfterValidator(_known_fault)]
    times: Annotated[int, Field(ge=0)] | None = None
    rate: Annotated[float, Field(ge=0, le=1)] | None = None
    message: str | None = None

    @property
    def is_refusal(self) -> bool:
        return self.error in STATUS


class Block(_Strict):
    """What the content filter blocks."""

    prompt_contains: str | None = None
    output_index: Annotated[int, Field(ge=0)] | None = None

    def matches_prompt(self, prompt: str) -> bool:
        return self.prompt_contains is None or self.prompt_contains.casefold() in prompt.casefold()


class Guardrail(_Strict):
    """What a guardrail refuses: prompts with these words, before the model runs or after it. `region` is where it
    lives; none means everywhere."""

    versions: list[str] = ["DRAFT", "1"]
    region: str | None = None
    prompt_contains: str | None = None
    at: Literal["input", "output"] = "input"

    def refuses(self, prompt: str) -> bool:
        return self.prompt_contains is not None and self.prompt_contains.casefold() in prompt.casefold()


class Lifecycle(_Strict):
    """What the control plane says of a model; `end_of_life` is a date or a time in ISO 8601."""

    status: Literal["ACTIVE", "LEGACY"] = "ACTIVE"
    end_of_life: Annotated[str, AfterValidator(_iso_time)] | None = None


class Configuration(_Strict):
    latency_ms: Annotated[int, Field(ge=0, le=900_000)] = 0
    retired: list[str] = []
    faults: list[Fault] = []
    rng_seed: int | None = None
    block: Block = Block()
    lifecycle: dict[str, Lifecycle] = {}
    guardrails: dict[str, Guardrail] | None = None
    """By id. None knows every guardrail, and each lets everything pass."""
    native_size: Annotated[list[Side], Field(min_length=2, max_length=2)] | None = None
    ready_pictures: bool = False
    """Paint the first picture of each model, size and format only; later ones are copies, each a file of its own."""

    def settings(self) -> dict[str, object]:
        """Return the current settings, with faults as they were posted."""
        defaults = Configuration().model_dump(exclude={"lifecycle", "guardrails"}) | {"block": {}}
        return defaults | self.model_dump(exclude_unset=True)


def read(body: bytes, models: Collection[str]) -> Configuration:
    """Return the configuration, or raise a ValueError that names each invalid field."""
    try:
        configuration = Configuration.model_validate_json(body)
    except ValidationError as error:
        raise ValueError("; ".join(_problem(found["loc"], found["msg"]) for found in error.errors())) from None
    _refuse_unknown_models(configuration, models)
    return configuration


def _problem(location: tuple[int | str, ...], message: str) -> str:
    where = ".".join(str(part) for part in location) or "body"
    return f"{where}: {message}"


def _refuse_unknown_models(configuration: Configuration, models: Collection[str]) -> None:
    """A misspelt model would look like a fault that never occurs."""
    named = {
        *configuration.retired,
        *configuration.lifecycle,
        *(fault.model for fault in configuration.faults if fault.model != "*"),
    }
    unknown = sorted(named.difference(models))
    if unknown:
        raise ValueError(f"unknown model {', '.join(unknown)}; there are {', '.join(sorted(models))}")


class Scenario:
    """The state of the current configuration.

    Only the event loop uses it, and its methods never await, so calls cannot interleave.
    """

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self._remaining = [fault.times for fault in configuration.faults]
        self._chance = random.Random(_stream(configuration.rng_seed, "faults"))  # noqa: S311 - no secret
        self._seeds = random.Random(_stream(configuration.rng_seed, "seeds"))  # noqa: S311 - no secret
        self._images_requested = 0

    def is_retired(self, names: set[str]) -> bool:
        return not names.isdisjoint(self.configuration.retired)

    def next_fault(self, names: set[str]) -> Fault | None:
        """Return the first fault of the list that applies to this call, under any name of its model."""
        for position, fault in enumerate(self.configuration.faults):
            if fault.model in names | {"*"} and self._applies(position, fault):
                return fault
        return None

    def _applies(self, position: int, fault: Fault) -> bool:
        remaining = self._remaining[position]
        if remaining == 0 or (fault.rate is not None and self._chance.random() >= fault.rate):
            return False
        if remaining is not None:
            self._remaining[position] = remaining - 1
        return True

    def random_seed(self) -> int:
        return self._seeds.randint(1, MAX_RANDOM_SEED)

    def blocks_prompt(self, request: ImageRequest) -> bool:
        block = self.configuration.block
        return block.prompt_contains is not None and block.output_index is None and block.matches_prompt(request.prompt)

    def withheld(self, request: ImageRequest) -> set[int]:
        """Count the request's images, and return which of them the filter withholds."""
        first, self._images_requested = self._images_requested, self._images_requested + request.images
        block = self.configuration.block
        if block.output_index is None or not block.matches_prompt(request.prompt):
            return set()
        return {block.output_index - first} & set(range(request.images))


def _stream(rng_seed: int | None, purpose: str) -> str | None:
    """Give faults and seeds a random stream each, so that both are reproducible."""
    return None if rng_seed is None else f"{rng_seed}/{purpose}"
