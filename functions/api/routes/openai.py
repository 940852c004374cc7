"""POST /v1/images/generations and GET /v1/models: OpenAI's shapes."""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path
from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse
from aws_lambda_powertools.event_handler.router import APIGatewayRouter
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

import bootstrap
from api.answer import substitutes
from api.caller import caller, deadline
from api.openai import FIELDS, ImagesRequest, ModelNotFound, model_id
from api.openai_answers import ImageData, ImagesAnswer, OpenAiErrorBody, OpenAiModel, OpenAiModels, event_stream
from api.openai_files import Files, in_base64
from api.preferences import Preferences
from api.responses import answers
from api.routes.generate import REPLAYED
from aws.bucket import BucketError
from imaging.errors import NotFound, StorageFailed
from imaging.images.png import NotAWholePng
from imaging.models import catalog
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


_IMAGES = _openai(ImagesAnswer, "The images.", 400, 401, 402, 404, 409, 413, 422, 429, 500, 502, 503, 504)
_IMAGES[200]["content"]["text/event-stream"] = {
    "schema": {
        "type": "object",
        "description": "For `stream: true`: one event for each image.",
        "properties": {
            "event": {"type": "string", "enum": ["image_generation.completed"]},
            "data": {"type": "string", "description": "JSON: the image, its format, its size and the usage."},
        },
        "required": ["event", "data"],
    }
}


@router.post(
    "/v1/images/generations",
    summary="Make images, as OpenAI's clients ask for them",
    tags=["OpenAI"],
    operation_id="openaiImages",
    description="Takes what OpenAI's clients send. What means something else here, or nothing, is told in `warnings`.",
    responses=_IMAGES,
)
def images(request: Annotated[ImagesRequest, Body()]) -> Response[Any]:
    delivery = bootstrap.services().generations.run(
        _submission(request, router.current_event),
        deadline(router.lambda_context),
        Preferences.of(router.current_event).wait,
    )
    body = _answer(request, delivery.generation)
    headers: dict[str, str | list[str]] = {REPLAYED: "true"} if delivery.replayed else {}
    if request.stream:
        events = event_stream(body, request.quality or "auto")
        return Response(HTTPStatus.OK, "text/event-stream", events, headers)
    return Response(HTTPStatus.OK, "application/json", body, headers)


def _submission(request: ImagesRequest, event: APIGatewayProxyEvent) -> Submission:
    """Without a key, SDK retries are detected by x-stainless-retry-count."""
    wanted, owner = request.generation_request(), caller(event)
    key = Preferences.of(event).key
    if key is not None:
        return Submission.keyed(wanted, owner, key)
    count = event.headers.get("x-stainless-retry-count", "")
    return bootstrap.services().retries.submission(wanted, owner, int(count) if _COUNT.fullmatch(count) else 0)


def _answer(request: ImagesRequest, generation: Generation) -> ImagesAnswer:
    images = generation.stored
    files = _files(request, images) if request.wants_base64 else _links(request, images)
    return ImagesAnswer(
        created=int(time.time()),
        data=[_data(image, file) for image, file in zip(images, files.contents, strict=True)],
        size=f"{images[0].width}x{images[0].height}",
        output_format=files.format.value,
        id=generation.id,
        model=generation.model,
        cost_usd=usd(generation.cost_micros),
        warnings=[
            *request.warnings(),
            *_in_openais_words(generation.warnings),
            *_missing(generation),
            *files.warnings,
        ],
    )


def _files(request: ImagesRequest, images: Sequence[StoredImage]) -> Files:
    renditions, owner = bootstrap.services().renditions, caller(router.current_event)
    try:
        return in_base64(lambda rendition: renditions.contents(owner, images, rendition), request.rendition)
    except (BucketError, NotAWholePng) as error:
        raise StorageFailed(
            "The images are stored, but could not be read back. Ask again with response_format url.",
            aws_error=getattr(error, "code", None),
        ) from error


def _links(request: ImagesRequest, images: Sequence[StoredImage]) -> Files:
    renditions = bootstrap.services().renditions
    files = renditions.files(caller(router.current_event), images, request.rendition)
    return Files(request.rendition.format, [{"url": file.link.url} for file in files], substitutes(files))


def _data(image: StoredImage, content: Mapping[str, str]) -> ImageData:
    return ImageData(**content, seed=image.seed, seed_index=image.seed_index, id=image.id)


def _in_openais_words(warnings: Sequence[GenerationWarning]) -> Iterator[GenerationWarning]:
    for warning in warnings:
        yield warning.model_copy(update={"field": FIELDS.get(warning.field or "", warning.field)})


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
    description="Each of these ids pins that model; `GET /models` tells more of them.",
    responses=_openai(OpenAiModels, "Every model of the catalog.", 401, 429, 500),
)
def models() -> OpenAiModels:
    return OpenAiModels(data=[_model(model_id) for model_id in catalog.known()])


@router.get(
    "/v1/models/<model>",
    summary="One model, as OpenAI's clients look it up",
    tags=["OpenAI"],
    operation_id="openaiModel",
    description="By its id or an alias.",
    responses=_openai(OpenAiModel, "The model.", 401, 404, 429, 500),
)
def model(model: Annotated[str, Path(description="The model's id or alias.")]) -> OpenAiModel:
    known = model_id(unquote(model))
    if known is None:
        raise ModelNotFound
    return _model(known)


def _model(model_id: str) -> OpenAiModel:
    return OpenAiModel(id=model_id, owned_by=model_id.partition(".")[0])


@router.post("/v1/images/edits", include_in_schema=False, enable_validation=False)
def edits() -> None:
    raise NotFound("Images cannot be edited here. POST /v1/images/generations makes them from a text.")


@router.post("/v1/images/variations", include_in_schema=False, enable_validation=False)
def variations() -> None:
    raise NotFound("Variations of an image cannot be made here. POST /v1/images/generations makes images from a text.")
