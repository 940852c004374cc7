"""GET /models."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.router import APIGatewayRouter
from pydantic import BaseModel, Field

import bootstrap
from api.body import MAX_IMAGES, MAX_SIDE, MAX_TEXT, MIN_SIDE
from api.responses import answers
from aws.table import TableError
from imaging.audits.lifecycle import Observation
from imaging.models.catalog import Model
from imaging.models.sizing import Grid, NativeSize, Size
from imaging.money import usd
from imaging.planning.router import Router
from imaging.planning.shared_refusals import Refusal
from imaging.requests.request import MAX_SEED, Quality

router = APIGatewayRouter()

State = Literal["active", "legacy", "end_of_life"]


class Observed(BaseModel):
    """What Bedrock itself said, asked once a day."""

    status: Literal["ACTIVE", "LEGACY", "RETIRED"] = Field(description="RETIRED if Bedrock no longer knows the model.")
    available: bool = Field(description="Whether this account may call it.")
    end_of_life: datetime | None = Field(description="As Bedrock says, if it does.")
    observed_at: datetime = Field(description="When Bedrock was last asked.")


class Lifecycle(BaseModel):
    """The dates that AWS published, and what Bedrock said when it was last asked."""

    state: State = Field(description="As of today, by the dates.")
    legacy_since: date | None = Field(description="Since when new callers are refused, if it was announced.")
    end_of_life: date | None = Field(description="The day on which Bedrock retires the model, if it was announced.")
    observed: Observed | None = Field(description="Of listed models, since the first day; null where it is unknown.")


class ModelPrice(BaseModel):
    """What one image costs."""

    usd: float = Field(description="For one image.")
    quality: Quality | None = Field(description="null means any.")
    up_to_pixels: int | None = Field(description="Of the native size; null means any.")


class Limits(BaseModel):
    """What a request may hold; sides are pixels."""

    text_characters: int = Field(MAX_TEXT, description="The longest text.")
    min_side: int = Field(MIN_SIDE, description="The smallest width and height.")
    max_side: int = Field(MAX_SIDE, description="The largest width and height.")
    images: int = Field(MAX_IMAGES, description="The most images of one request.")
    seed: int = Field(MAX_SEED, description="The largest seed.")
    cfg_scale: Annotated[Sequence[float], Field(min_length=2, max_length=2)] | None = Field(
        description="The least and the most; null where the model has no such control."
    )


class ModelFacts(BaseModel):
    """A model of the catalog."""

    id: str = Field(description="The catalog's id, which is Bedrock's.")
    name: str = Field(description="The model's name.")
    aliases: Sequence[str] = Field(description="Other names that `model` may have.")
    regions: Sequence[str] = Field(description="Where Bedrock offers the model.")
    lists: Sequence[Quality] = Field(description="The lists that contain the model.")
    qualities: Sequence[Quality] | None = Field(description="null where the model has no such control.")
    images_per_call: int = Field(description="How many images one model call makes at most.")
    native_sizes: Sequence[str] = Field(description="Pixels, or aspect ratios where the model takes those.")
    limits: Limits
    prices: Sequence[ModelPrice] = Field(description="The first that matches applies.")
    price_verified: bool = Field(description="Whether the operator set the price; the catalog's could not be verified.")
    price_usd: float = Field(description="For one image of the width, height and quality in the query.")
    lifecycle: Lifecycle
    refused: str | None = Field(description="How it refused within the last hour, if it did.")
    source: str = Field(description="Where the facts were published.")


class ModelList(BaseModel):
    """The models of the catalog."""

    models: Sequence[ModelFacts] = Field(description="The models of the catalog.")
    warnings: Sequence[str] = Field(description="Listed models that are past their published end of life.")


PricedQuality = Annotated[Quality, Query(description="The quality, for `price_usd`.")]
Side = Annotated[int, Query(ge=MIN_SIDE, le=MAX_SIDE, description="Pixels, for `price_usd`.")]


@router.get(
    "/models",
    summary="The models, their limits, prices and lifecycle",
    tags=["Models"],
    operation_id="listModels",
    description="Which models there are, in which lists they stand, what each takes, and what one image of the asked "
    "width, height and quality costs.",
    responses=answers(ModelList, "Every model of the catalog.", 400, 401, 429, 500),
)
def models(width: Side = 1024, height: Side = 1024, quality: PricedQuality = "standard") -> ModelList:
    wanted = Size(width, height)
    known = bootstrap.services().router
    refusals, observed = shared_refusals(known.models), _observed(known.listed)
    return ModelList(
        models=[
            _facts(model, known, refusals.get(model.id), observed.get(model.id), wanted, quality)
            for model in known.models.values()
        ],
        warnings=[warning for model in known.listed.values() if (warning := end_of_life(model))],
    )


def shared_refusals(model_ids: Collection[str]) -> Mapping[str, Refusal]:
    """How these models refused within the last hour; empty while the table does not answer."""
    try:
        return bootstrap.services().refusals.find(model_ids)
    except TableError:
        return {}


def _observed(model_ids: Collection[str]) -> Mapping[str, Observation]:
    """What Bedrock last said of these models; empty while the table does not answer."""
    try:
        return bootstrap.services().lifecycle.observed(model_ids)
    except TableError:
        return {}


def end_of_life(model: Model) -> str | None:
    """What the operator must do about a listed model that is past its published end of life; else None."""
    if not model.has_ended(_today()):
        return None
    return (
        f"{model.id} reached its published end of life on {model.end_of_life}. While Bedrock refuses it, requests fall "
        "back to the next model of the list. The operator should list other models (StandardModels, PremiumModels)."
    )


def _today() -> date:
    return datetime.now(UTC).date()


def _facts(  # noqa: PLR0913, PLR0917 - what one entry shows
    model: Model,
    known: Router,
    refusal: Refusal | None,
    observed: Observation | None,
    wanted: Size,
    quality: Quality,
) -> ModelFacts:
    _, price_micros = model.quote(wanted, quality)
    return ModelFacts(
        id=model.id,
        name=model.name,
        aliases=model.aliases,
        regions=model.regions,
        lists=_lists(model, known),
        qualities=model.qualities,
        images_per_call=model.images_per_call,
        native_sizes=_sizes(model.native_sizes),
        limits=Limits(cfg_scale=model.cfg_scale),
        prices=[
            ModelPrice(usd=usd(price.usd_micros), quality=price.quality, up_to_pixels=price.up_to_pixels)
            for price in model.prices
        ],
        price_verified=model.price_verified,
        price_usd=usd(price_micros),
        lifecycle=Lifecycle(
            state=_state(model, _today()),
            legacy_since=model.legacy_since,
            end_of_life=model.end_of_life,
            observed=_shown(observed) if observed else None,
        ),
        refused=refusal.code if refusal else None,
        source=model.source,
    )


def _shown(observed: Observation) -> Observed:
    return Observed.model_validate(
        {
            "status": observed.status,
            "available": observed.is_available,
            "end_of_life": observed.end_of_life,
            "observed_at": observed.observed_at,
        }
    )


def _lists(model: Model, known: Router) -> list[str]:
    return [name for name, routes in known.lists.items() if model.id in {route.model.id for route in routes}]


def _state(model: Model, today: date) -> State:
    if model.has_ended(today):
        return "end_of_life"
    return "legacy" if model.legacy_since and today >= model.legacy_since else "active"


def _sizes(sizes: Iterable[NativeSize]) -> list[str]:
    if isinstance(sizes, Grid):
        return [f"{sizes.shortest}x{sizes.shortest}", f"{sizes.near(_HUGE).width}x{sizes.near(_HUGE).height}"]
    return [size.aspect_ratio or f"{size.width}x{size.height}" for size in sizes]


_HUGE = Size(100_000, 100_000)
