"""GET /usage."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.router import APIGatewayRouter
from pydantic import BaseModel, Field

import bootstrap
from api.caller import caller
from api.responses import answers
from imaging.money import usd

router = APIGatewayRouter()


class UsageAnswer(BaseModel):
    """What the calling key's images cost in a month, in US dollars."""

    name: str | None = Field(None, description="The operator's name for the key; absent if it has none.")
    month: str = Field(description="Of UTC, as 2026-11.")
    spent_usd: float = Field(description="What was spent in the month.")
    reserved_usd: float = Field(description="Reserved for what is being generated now.")
    cap_usd: float | None = Field(description="The key's cap, or the stack's where keys have none; null for no cap.")
    images: int = Field(description="How many images were made in the month.")


MONTH_PATTERN = r"^\d{4}-(0[1-9]|1[0-2])$"
MONTH_DESCRIPTION = "Of UTC, as 2026-11; the current one if it is left out."
Month = Annotated[str | None, Query(pattern=MONTH_PATTERN, description=MONTH_DESCRIPTION)]


@router.get(
    "/usage",
    summary="What the calling key has spent in a month",
    tags=["Operations"],
    operation_id="usage",
    description="Counted since the first of the month, UTC: what the images cost, and what is reserved for requests "
    "that are being answered. The totals of earlier months stay.",
    responses=answers(UsageAnswer, "The month, or the month so far.", 400, 401, 429, 500, 503),
)
def usage(month: Month = None) -> Response[str]:
    answer = usage_of(caller(router.current_event), month)
    return Response(HTTPStatus.OK, "application/json", answer.model_dump_json(exclude_unset=True))


def usage_of(owner: str, month: str | None) -> UsageAnswer:
    found = bootstrap.services().ledger.usage(owner, month)
    named = {"name": found.name} if found.name else {}
    return UsageAnswer(
        **named,
        month=found.month,
        spent_usd=usd(found.spent),
        reserved_usd=usd(found.reserved),
        cap_usd=None if found.cap is None else usd(found.cap),
        images=found.images,
    )
