"""The environment, read once and validated when the function starts."""

import os
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, ValidationError

from imaging.errors import Misconfigured
from imaging.models import catalog
from imaging.planning.routing import Route
from imaging.requests.result import MICROS_PER_USD


def _routes(entries: Any) -> tuple[Route, ...]:  # noqa: ANN401 - whatever is validated
    return tuple(Route.parse(entry) for entry in entries.split(","))


def _origins(entries: Any) -> tuple[str, ...]:  # noqa: ANN401 - whatever is validated
    return tuple(entry.strip() for entry in entries.split(",") if entry.strip())


def _prices(entries: Any) -> Mapping[str, int]:  # noqa: ANN401 - whatever is validated
    return dict(_price(entry) for entry in entries.split(",") if entry)


def _price(entry: str) -> tuple[str, int]:
    name, _, usd = entry.strip().partition("=")
    try:
        micros = int(Decimal(usd) * MICROS_PER_USD)
        model = catalog.find(name)
    except (InvalidOperation, KeyError, ValueError, OverflowError):
        raise ValueError(f"{entry!r} is no price; write <model id or alias>=<US dollars for an image>") from None
    if micros <= 0:
        raise ValueError(f"{entry!r} is no price; it must be above 0")
    return model.id, micros


def _at_least_a_micro(usd: float) -> float:
    """A cap that is too small to count is the smallest that counts: rounded to 0, it would be no cap."""
    return max(usd, 1 / MICROS_PER_USD) if usd else usd


Budget = Annotated[float, Field(ge=0, allow_inf_nan=False), AfterValidator(_at_least_a_micro)]
Origins = Annotated[tuple[str, ...], PlainValidator(_origins)]
Routes = Annotated[tuple[Route, ...], PlainValidator(_routes)]
Prices = Annotated[Mapping[str, int], PlainValidator(_prices)]


class Settings(BaseModel):
    """What the template tells the functions; each field is an environment variable in capitals."""

    model_config = ConfigDict(frozen=True, alias_generator=str.upper)

    aws_region: str
    bucket_name: str = Field(description="The image bucket.")
    table_name: str = Field(description="The table of records.")
    standard_models: Routes
    premium_models: Routes
    model_prices: Prices
    link_minutes: int = Field(ge=1, le=60)
    retention_days: int = Field(ge=1)
    deduplication_minutes: int = Field(ge=0)
    queue_url: str = Field(description="The queue of jobs.")
    dead_letter_queue_url: str = Field(description="Receives messages that the worker cannot use.")
    job_hours: int = Field(ge=1)
    event_bus_name: str
    stack_name: str = Field(description="The stack that events name.")
    gateway_token: str = Field(description="Proves that an event comes from API Gateway.")
    monthly_budget_usd: Budget
    monthly_budget_per_key_usd: Budget
    cors_origins: Origins
    docs: bool

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Raises Misconfigured, which names each variable that is missing or wrong."""
        try:
            return cls.model_validate(dict(environment))
        except ValidationError as error:
            raise Misconfigured(_explained(error)) from None


def _explained(error: ValidationError) -> str:
    found = "; ".join(f"{one['loc'][0]}: {one['msg'].removeprefix('Value error, ')}" for one in error.errors())
    return f"The stack is not configured correctly. {found}. The operator must correct the stack's parameters."
