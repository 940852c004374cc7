"""What a test may ask of the emulator, and the counters that go with one such configuration."""

import random
from collections.abc import Collection
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from local.emulator.errors import STATUS
from local.emulator.request import Order

PICTURE_FAULTS = ("drop", "not_png", "truncated_png", "fewer_images", "inference_error")
MAX_RANDOM_SEED = 4_294_967_294
FAULTS = (*STATUS, *PICTURE_FAULTS)


def _known_fault(name: str) -> str:
    if name not in FAULTS:
        raise ValueError(f"{name!r} is none of {', '.join(FAULTS)}")
    return name


Side = Annotated[int, Field(ge=1, le=4096)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Fault(_Strict):
    """Something that goes wrong: always, a number of times, or at a rate."""

    model: str
    error: Annotated[str, AfterValidator(_known_fault)]
    times: Annotated[int, Field(ge=0)] | None = None
    rate: Annotated[float, Field(ge=0, le=1)] | None = None
    message: str | None = None

    @property
    def is_refusal(self) -> bool:
        return self.error in STATUS


class Block(_Strict):
    """What the content filter takes offence at."""

    prompt_contains: str | None = None
    output_index: Annotated[int, Field(ge=0)] | None = None

    def matches_prompt(self, prompt: str) -> bool:
        return self.prompt_contains is None or self.prompt_contains.casefold() in prompt.casefold()


class Configuration(_Strict):
    latency_ms: Annotated[int, Field(ge=0, le=900_000)] = 0
    retired: list[str] = []
    faults: list[Fault] = []
    rng_seed: int | None = None
    block: Block = Block()
    native_size: Annotated[list[Side], Field(min_length=2, max_length=2)] | None = None

    def told(self) -> dict[str, object]:
        """Return what is in force: every setting, and faults as they were given."""
        return Configuration().model_dump() | {"block": {}} | self.model_dump(exclude_unset=True)


def read(body: bytes, models: Collection[str]) -> Configuration:
    """Return the configuration, or raise ValueError whose message names what is wrong."""
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
    """Keep a misspelt model from looking like a fault that never strikes."""
    named = {*configuration.retired, *(fault.model for fault in configuration.faults if fault.model != "*")}
    unknown = sorted(named.difference(models))
    if unknown:
        raise ValueError(f"unknown model {', '.join(unknown)}; there are {', '.join(sorted(models))}")


class Scenario:
    """One configuration while it is in force.

    It is used on the event loop alone, and none of its methods awaits, so calls cannot interleave in it.
    """

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self._left = [fault.times for fault in configuration.faults]
        self._chance = random.Random(_stream(configuration.rng_seed, "faults"))  # noqa: S311 - no secret
        self._seeds = random.Random(_stream(configuration.rng_seed, "seeds"))  # noqa: S311 - no secret
        self._asked_for = 0

    def is_retired(self, names: set[str]) -> bool:
        return not names.isdisjoint(self.configuration.retired)

    def next_fault(self, names: set[str]) -> Fault | None:
        """Return the first fault of the list that strikes this call, known by any of its model's names."""
        for position, fault in enumerate(self.configuration.faults):
            if fault.model in names | {"*"} and self._strikes(position, fault):
                return fault
        return None

    def _strikes(self, position: int, fault: Fault) -> bool:
        left = self._left[position]
        if left == 0 or (fault.rate is not None and self._chance.random() >= fault.rate):
            return False
        if left is not None:
            self._left[position] = left - 1
        return True

    def random_seed(self) -> int:
        return self._seeds.randint(1, MAX_RANDOM_SEED)

    def blocks_prompt(self, order: Order) -> bool:
        block = self.configuration.block
        return block.prompt_contains is not None and block.output_index is None and block.matches_prompt(order.prompt)

    def withheld(self, order: Order) -> set[int]:
        """Count the order's images, and return which of them the filter withholds."""
        first, self._asked_for = self._asked_for, self._asked_for + order.images
        block = self.configuration.block
        if block.output_index is None or not block.matches_prompt(order.prompt):
            return set()
        return {block.output_index - first} & set(range(order.images))


def _stream(rng_seed: int | None, purpose: str) -> str | None:
    """Keep faults and seeds from drawing on one another, so that each is the same from run to run."""
    return None if rng_seed is None else f"{rng_seed}/{purpose}"
