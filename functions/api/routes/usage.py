"""GET /usage."""

from aws_lambda_powertools.event_handler.router import APIGatewayRouter
from pydantic import BaseModel, Field

import bootstrap
from api.caller import caller
from api.responses import answers
from imaging.money import usd

router = APIGatewayRouter()


class UsageAnswer(BaseModel):
    """What the calling key's images cost this month, in US dollars."""

    month: str = Field(description="Of UTC, as 2026-11.")
    spent_usd: float
    reserved_usd: float = Field(description="Reserved for what is being generated now.")
    cap_usd: float | None = Field(description="The key's cap, or the stack's where keys have none; null for no cap.")
    images: int


@router.get(
    "/usage",
    summary="What the calling key has spent this month",
    tags=["Operations"],
    operation_id="usage",
    description="Counted since the first of the month, UTC: what the images cost, and what is reserved for requests "
    "that are being answered.",
    responses=answers(UsageAnswer, "The month so far.", 401, 429, 500, 503),
)
def usage() -> UsageAnswer:
    now = bootstrap.services().ledger.usage(caller(router.current_event))
    return UsageAnswer(
        month=now.month,
        spent_usd=usd(now.spent),
        reserved_usd=usd(now.reserved),
        cap_usd=None if now.cap is None else usd(now.cap),
        images=now.images,
    )
