"""The environment variables of a function, validated."""

import os
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from ipaddress import ip_network
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, ValidationError, ValidationInfo

from aws.bedrock import Guardrail
from imaging.errors import Misconfigured
from imaging.models import catalog
from imaging.models.catalog import Model
from imaging.money import micros
from imaging.planning.route import Route
from net.addresses import Network


def _routes(entries: Any, info: ValidationInfo) -> tuple[Route, ...]:  # noqa: ANN401 - whatever is validated
    models = catalog.priced(info.data.get("model_prices", {}), info.data.get("more_models", {}))
    return tuple(Route.parse(entry, models) for entry in entries.split(","))


def _origins(entries: Any) -> tuple[str, ...]:  # noqa: ANN401 - whatever is validated
    return tuple(entry.strip() for entry in entries.split(",") if entry.strip())


def _networks(entries: Any) -> tuple[Network, ...]:  # noqa: ANN401 - whatever is validated
    return tuple(ip_network(entry.strip()) for entry in entries.split(",") if entry.strip())


def _more_models(entries: Any) -> Mapping[str, Model]:  # noqa: ANN401 - whatever is validated
    return catalog.extended([_more_model(entry) for entry in entries.split(",") if entry])


def _more_model(entry: str) -> tuple[str, str, str]:
    """A model's id, region and family."""
    arn, _, family = entry.strip().partition("=")
    found = _MODEL_ARN.fullmatch(arn)
    if not found:
        raise ValueError(f"{arn!r} is no model's ARN; write <ARN of a foundation model>=<family>")
    if family not in catalog.FAMILIES:
        raise ValueError(f"{family!r} is no family; there are {', '.join(catalog.FAMILIES)}")
    return found["id"], found["region"], family


def _prices(entries: Any, info: ValidationInfo) -> Mapping[str, int]:  # noqa: ANN401 - whatever is validated
    more = info.data.get("more_models", {})
    models = catalog.priced({}, more)
    prices = dict(_price(entry, models) for entry in entries.split(",") if entry)
    for model in more.values():
        if not model.prices and model.id not in prices:
            raise ValueError(f"{model.id!r} has no price; each of MoreModels needs one, as {model.id}=<US dollars>")
    return prices


def _price(entry: str, models: Mapping[str, Model]) -> tuple[str, int]:
    name, _, usd = entry.strip().partition("=")
    try:
        price = micros(Decimal(usd))
        model = catalog.find(name, models)
    except (InvalidOperation, KeyError, ValueError, OverflowError):
        raise ValueError(f"{entry!r} is no price; write <model id or alias>=<US dollars for an image>") from None
    if price <= 0:
        raise ValueError(f"{entry!r} is no price; it must be above 0")
    return model.id, price


def _cap(usd: float) -> int | None:
    """Micro-dollars, at least one; None for 0, which means no cap."""
    return max(micros(usd), 1) if usd else None


Budget = Annotated[float, Field(ge=0, allow_inf_nan=False)]
BaseUrl = Annotated[str, AfterValidator(lambda url: url.rstrip("/"))]
Origins = Annotated[tuple[str, ...], PlainValidator(_origins)]
Routes = Annotated[tuple[Route, ...], PlainValidator(_routes)]
Networks = Annotated[tuple[Network, ...], PlainValidator(_networks)]
Prices = Annotated[Mapping[str, int], PlainValidator(_prices)]
MoreModels = Annotated[Mapping[str, Model], PlainValidator(_more_models)]

_MODEL_ARN = re.compile(r"arn:[\w-]+:bedrock:(?P<region>[\w-]+)::foundation-model/(?P<id>[^\s=/]+)")


class Settings(BaseModel):
    """The functions' environment variables, which the template sets; each field is one, in capitals."""

    model_config = ConfigDict(frozen=True, alias_generator=str.upper)

    aws_region: str
    bucket_name: str = Field(description="The image bucket.")
    table_name: str = Field(description="The table of records.")
    more_models: MoreModels
    model_prices: Prices
    standard_models: Routes
    premium_models: Routes
    link_minutes: int = Field(ge=1, le=60)
    retention_days: int = Field(ge=1)
    deduplication_minutes: int = Field(ge=0)
    queue_url: str = Field(description="The queue of jobs.")
    dead_letter_queue_url: str = Field(description="Receives messages that the worker cannot use.")
    job_hours: int = Field(ge=1)
    event_bus_name: str
    stack_name: str = Field(description="The stack that events name.")
    gateway_token: str = Field(min_length=1, description="Proves that an event comes from API Gateway.")
    monthly_budget_usd: Budget
    monthly_budget_per_key_usd: Budget
    open_jobs_per_key: int = Field(ge=0)
    cors_origins: Origins
    api_base_url: BaseUrl
    docs: bool
    signing_key_arn: str
    signing_certificates_parameter: str
    webhook_queue_url: str = Field(description="The queue of webhooks that are to be sent.")
    webhook_networks: Networks
    webhook_authorities: str
    guardrail_id: str
    guardrail_version: str
    guardrail_region: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Raises Misconfigured, which names each missing or invalid variable."""
        try:
            return cls.model_validate(dict(environment))
        except ValidationError as error:
            raise Misconfigured(_explained(error)) from None

    @property
    def guardrail(self) -> Guardrail | None:
        if not self.guardrail_id:
            return None
        return Guardrail(self.guardrail_id, self.guardrail_version, self.guardrail_region or self.aws_region)

    @property
    def model_region(self) -> str:
        """Where models are called if they live there: the guardrail's region, or else the stack's."""
        return self.guardrail.region if self.guardrail else self.aws_region

    @property
    def models(self) -> Mapping[str, Model]:
        """Every model by its id, at the operator's prices."""
        return catalog.priced(self.model_prices, self.more_models)

    @property
    def model_lists(self) -> Mapping[str, Sequence[Route]]:
        """The ordered list of each quality."""
        return {"standard": self.standard_models, "premium": self.premium_models}

    @property
    def open_jobs_cap(self) -> int | None:
        """How many unfinished jobs each API key may have; None is no cap."""
        return self.open_jobs_per_key or None

    @property
    def deduplication_seconds(self) -> int:
        return self.deduplication_minutes * 60

    @property
    def stack_cap(self) -> int | None:
        """Micro-dollars that the whole stack may spend in a month; None is no cap."""
        return _cap(self.monthly_budget_usd)

    @property
    def key_cap(self) -> int | None:
        """Micro-dollars that each API key may spend in a month; None is no cap."""
        return _cap(self.monthly_budget_per_key_usd)


def _explained(error: ValidationError) -> str:
    found = "; ".join(f"{one['loc'][0]}: {one['msg'].removeprefix('Value error, ')}" for one in error.errors())
    return f"The stack is not configured correctly. {found}. The operator must correct the stack's parameters."
