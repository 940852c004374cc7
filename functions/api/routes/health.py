"""GET /health: whether the function answers, or, with a key, a deep check of what it depends on."""

from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.router import APIGatewayRouter
from pydantic import BaseModel, Field

import bootstrap
from api.responses import answers
from api.routes.models import end_of_life, shared_refusals
from aws import bedrock
from aws.bedrock import BedrockError
from aws.bucket import BucketError
from aws.table import TableError
from imaging.planning.router import Router
from version import VERSION

router = APIGatewayRouter()


class Part(BaseModel):
    """One checked dependency. `detail` says what is wrong, or soon will be."""

    name: str = Field(description="What was checked.")
    ok: bool = Field(description="Whether it works.")
    detail: str | None = Field(None, description="What is wrong, and what to do.")


class PromptLogging(BaseModel):
    """Whether the account logs prompts and images; null if Bedrock did not answer."""

    region: str = Field(description="Where models are called.")
    enabled: bool | None = Field(description="Whether the account logs prompts there; null if unknown.")
    detail: str | None = Field(None, description="What the setting means, or why it is unknown.")


class Health(BaseModel):
    """How the service is."""

    status: Literal["ok", "degraded", "unavailable"] = Field(description="`ok`, or how much of the API works.")
    version: str = Field(description="The version of the API.")
    checks: Sequence[Part] | None = Field(None, description="Only in a deep check.")
    prompt_logging: Sequence[PromptLogging] | None = Field(None, description="Only in a deep check.")


@router.get(
    "/health",
    summary="Whether the function answers; deep: whether images can be made",
    tags=["Operations"],
    operation_id="health",
    description="Without `deep` it needs no key. With it, the bucket, the table and each listed model are looked at.",
    responses=answers(Health, "It answers.", 400, 401, 429, 500)
    | {
        503: {
            "description": "Nothing can be generated.",
            "content": {"application/json": {"model": Health}},
        }
    },
)
def health(deep: Annotated[bool, Query(description="Needs a key.")] = False) -> Response[str]:  # noqa: FBT002
    found = _deep() if deep else Health(status="ok", version=VERSION)
    status = HTTPStatus.SERVICE_UNAVAILABLE if found.status == "unavailable" else HTTPStatus.OK
    return Response(status, "application/json", found.model_dump_json(exclude_unset=True))


def _deep() -> Health:
    known = bootstrap.services().router
    stores, models = [*_stores()], [*_models(known)]
    logging = [*_prompt_logging(known)]
    return Health(
        status=_status(stores, models, logging),
        version=VERSION,
        checks=[*stores, *models],
        prompt_logging=logging,
    )


def _status(
    stores: Sequence[Part], models: Sequence[Part], logging: Sequence[PromptLogging]
) -> Literal["ok", "degraded", "unavailable"]:
    if not all(store.ok for store in stores) or not any(model.ok for model in models):
        return "unavailable"
    are_known = all(region.enabled is not None for region in logging)
    return "ok" if all(model.ok for model in models) and are_known else "degraded"


def _stores() -> Iterator[Part]:
    try:
        bootstrap.services().bucket.check()
        yield Part(name="bucket", ok=True)
    except BucketError as error:
        yield Part(name="bucket", ok=False, detail=f"{error.code}: check the bucket and the function's role.")
    try:
        bootstrap.services().table.get("health")
        yield Part(name="table", ok=True)
    except TableError as error:
        yield Part(name="table", ok=False, detail=f"{error.code}: check the table and the function's role.")


def _models(known: Router) -> Iterator[Part]:
    """Each listed model, judged by shared refusals, so that every execution environment gives the same answer."""
    refusals = shared_refusals(known.listed)
    for model_id, model in known.listed.items():
        refusal = refusals.get(model_id)
        yield Part(name=model_id, ok=refusal is None, detail=refusal.detail if refusal else end_of_life(model))


def _prompt_logging(known: Router) -> Iterator[PromptLogging]:
    home = bootstrap.services().settings.model_region
    for region in sorted({route.region(home) for routes in known.lists.values() for route in routes}):
        try:
            yield PromptLogging(region=region, enabled=bedrock.prompts_are_logged(region))
        except BedrockError as error:
            detail = f"{error.code}: the role needs bedrock:GetModelInvocationLoggingConfiguration."
            yield PromptLogging(region=region, enabled=None, detail=detail)
