"""GET /health."""

from typing import Literal

from aws_lambda_powertools.event_handler.router import APIGatewayRouter
from pydantic import BaseModel

router = APIGatewayRouter()


class Health(BaseModel):
    status: Literal["ok"]


@router.get("/health", summary="Whether the function answers", tags=["Operations"])
def health() -> Health:
    return Health(status="ok")
