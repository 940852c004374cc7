"""POST /generate."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Body
from aws_lambda_powertools.event_handler.router import APIGatewayRouter

import bootstrap
from api.answer import GenerationAnswer, answer
from api.caller import caller, deadline, stable_link
from api.responses import answers
from imaging.request import GenerationRequest

router = APIGatewayRouter()


@router.post(
    "/generate",
    summary="Make images from a text",
    tags=["Images"],
    operation_id="generate",
    responses=answers(GenerationAnswer, "The images that were made.", 400, 401, 404, 413, 429, 500, 502, 503, 504),
)
def generate(request: Annotated[GenerationRequest, Body()]) -> GenerationAnswer:
    event = router.current_event
    generation = bootstrap.generator().generate(request, caller(event), deadline(router.lambda_context))
    return answer(generation, bootstrap.bucket(), stable_link(event))
