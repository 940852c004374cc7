"""POST /generate."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Body
from aws_lambda_powertools.event_handler.router import APIGatewayRouter

import bootstrap
from api.address import stable_link
from api.answer import GenerationAnswer, answer
from api.deadline import deadline
from imaging.request import GenerationRequest

router = APIGatewayRouter()


@router.post("/generate", summary="Make images from a text", tags=["Images"])
def generate(request: Annotated[GenerationRequest, Body()]) -> GenerationAnswer:
    generation = bootstrap.generator().generate(request, deadline(router.lambda_context))
    return answer(generation, bootstrap.bucket(), stable_link(router.current_event))
