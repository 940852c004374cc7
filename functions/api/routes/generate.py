"""POST /generate."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body
from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse, OpenAPIResponseHeader
from aws_lambda_powertools.event_handler.router import APIGatewayRouter

import bootstrap
from api.answer import GenerationAnswer, answer
from api.caller import caller, deadline, stable_link
from api.preferences import Preferences
from api.responses import answers
from imaging.once import Order
from imaging.request import GenerationRequest

router = APIGatewayRouter()

REPLAYED = "Idempotent-Replayed"

_REPLAYED: OpenAPIResponseHeader = {
    "description": "Present where the images were made for an earlier request, and nothing was paid for this one.",
    "schema": {"type": "string", "enum": ["true"]},
}
_ANSWERS: dict[int, OpenAPIResponse] = answers(
    GenerationAnswer, "The images that were made.", 400, 401, 404, 409, 413, 422, 429, 500, 502, 503, 504
)
_ANSWERS[200]["headers"] = {**_ANSWERS[200]["headers"], REPLAYED: _REPLAYED}


@router.post(
    "/generate", summary="Make images from a text", tags=["Images"], operation_id="generate", responses=_ANSWERS
)
def generate(request: Annotated[GenerationRequest, Body()]) -> Response[GenerationAnswer]:
    event = router.current_event
    wanted = Preferences.of(event)
    order = Order(request, caller(event), wanted.key, wanted.fresh)
    delivery = bootstrap.once().generate(order, deadline(router.lambda_context), wanted.wait)
    body = answer(delivery.generation, bootstrap.bucket(), stable_link(event))
    return Response(HTTPStatus.OK, "application/json", body, {REPLAYED: "true"} if delivery.replayed else {})
