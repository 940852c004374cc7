"""POST /v1/images/generations and GET /v1/models: OpenAI's shapes."""

import base64
import re
import time
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body
from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse
from aws_lambda_powertools.event_handler.router import APIGatewayRouter
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

import bootstrap
from api.caller import caller, deadline
from api.openai import ImageData, ImagesAnswer, ImagesRequest, OpenAiErrorBody, OpenAiModel, OpenAiModels
from api.preferences import Preferences
from api.responses import answers
from api.routes.generate import REPLAYED
from aws.bucket import BucketError
from imaging.errors import StorageFailed
from imaging.models.catalog import MODELS
from imaging.money import usd
from imaging.requests.result import Generation, GenerationWarning, StoredImage
from imaging.requests.submission import Submission

router = APIGatewayRouter()

_COUNT = re.compile(r"[0-9]{1,4}")


def _openai(model: Any, description: str, *errors: int) -> dict[int, OpenAPIResponse]:  # noqa: ANN401 - a type
    described = answers(model, description, *errors)
    for status in errors:
        described[status]["content"] = {"application/json": {"model": OpenAiErrorBody}}
    return described


@router.post(
    "/v1/images/generations",
    summary="Make images, as OpenAI's clients ask for them",
    tags=["OpenAI"],
    operation_id="openaiImages",
    responses=_openai(ImagesAnswer, "The images.", 400, 401, 402, 409, 413, 422, 429, 500, 502, 503, 504),
)
def images(request: Annotated[ImagesRequest, Body()]) -> Response[Any]:
    delivery = bootstrap.services().generations.run(
        _submission(request, router.current_event),
        deadline(router.lambda_context),
        Preferences.of(router.current_event).wait,
    )
    body = _answer(request, delivery.generation)
    return Response(HTTPStatus.OK, "application/json", body, {REPLAYED: "true"} if delivery.replayed else {})


def _submission(request: ImagesRequest, event: APIGatewayProxyEvent) -> Submission:
    """Without a key, SDK retries are detected by x-stainless-retry-count."""
    wanted, whose = request.generation_request(), caller(event)
    key = Preferences.of(event).key
    if key is not None:
        return Submission.keyed(wanted, whose, key)
    count = event.headers.get("x-stainless-retry-count", "")
    return bootstrap.services().retries.submission(wanted, whose, int(count) if _COUNT.fullmatch(count) else 0)


def _answer(request: ImagesRequest, generation: Generation) -> ImagesAnswer:
    size = request.scaled_size()
    return ImagesAnswer(
        created=int(time.time()),
        data=[_data(request, image) for image in generation.stored],
        size=f"{size.width}x{size.height}",
        id=generation.id,
        model=generation.model,
        cost_usd=usd(generation.cost_micros),
        warnings=[*request.warnings(), *generation.warnings, *_missing(generation)],
    )


def _data(request: ImagesRequest, image: StoredImage) -> ImageData:
    if request.response_format == "url":
        return _facts(image, url=bootstrap.services().bucket.link(image.id).url)
    try:
        png = bootstrap.services().bucket.read(image.id)
    except BucketError as error:
        raise StorageFailed(
            "The image is stored, but could not be read back. Ask again with response_format url.", aws_error=error.code
        ) from error
    return _facts(image, b64_json=base64.b64encode(png).decode())


def _facts(image: StoredImage, **picture: str) -> ImageData:
    return ImageData(**picture, seed=image.seed, seed_index=image.seed_index, id=image.id)


def _missing(generation: Generation) -> list[GenerationWarning]:
    missing = [image for image in generation.images if not isinstance(image, StoredImage)]
    return [
        GenerationWarning(
            code=f"image_{image.status}", field="n", detail=getattr(image, "reason", "It was deleted since.")
        )
        for image in missing
    ]


@router.get(
    "/v1/models",
    summary="The models, as OpenAI's clients list them",
    tags=["OpenAI"],
    operation_id="openaiModels",
    responses=_openai(OpenAiModels, "Every model of the catalog.", 401, 429, 500),
)
def models() -> OpenAiModels:
    return OpenAiModels(data=[OpenAiModel(id=model_id, owned_by=model_id.partition(".")[0]) for model_id in MODELS])
