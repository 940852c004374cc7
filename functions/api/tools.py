"""The tools of agents: for MCP, Amazon Bedrock AgentCore and Amazon Bedrock Agents alike.

A tool makes images as a job, so that its caller may stop waiting. Agents that reach the function directly share the
jobs, the images and the usage of the caller `direct`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

import bootstrap
from api import problems
from api.answer import Detail, GenerationAnswer, StableLink, answer, stored_detail
from api.body import MAX_SIDE, MIN_SIDE, ImagesBody
from api.preferences import MAX_WAIT_SECONDS
from api.routes import models, usage
from aws.bucket import BucketError
from imaging.errors import ImagingError, InternalError
from imaging.generations import Delivery
from imaging.images.encoding import Format, Rendition
from imaging.records.record import GenerationRecord, Status
from imaging.requests.request import Quality, whole
from imaging.requests.result import Generation, GenerationWarning, StoredImage
from observability import log_bug

Wait = Annotated[int, Field(ge=0, le=MAX_WAIT_SECONDS), BeforeValidator(whole)]
Side = Annotated[int, Field(ge=MIN_SIDE, le=MAX_SIDE), BeforeValidator(whole)]


@dataclass(frozen=True)
class Asker:
    """Whose call it is. `stable_link` makes lasting links; None where the API's address is unknown."""

    caller: str
    stable_link: StableLink | None = None


@dataclass(frozen=True)
class Result:
    """What a tool returns, and the images that may be shown with it."""

    content: BaseModel
    images: Sequence[StoredImage] = ()


class _Arguments(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class GenerateArguments(ImagesBody):
    """The fields of POST /generate, and how the call is answered."""

    idempotency_key: str | None = Field(
        None,
        min_length=1,
        max_length=255,
        pattern="^[ -~]+$",
        description="The same key and arguments bring the same images again, and cost nothing.",
    )
    wait_seconds: Wait = Field(
        MAX_WAIT_SECONDS, description=f"How long to wait for the images, 0 to {MAX_WAIT_SECONDS} seconds."
    )


class JobArguments(_Arguments):
    id: str = Field(max_length=100, description="The id that generate_image returned.")


class GetJobArguments(JobArguments):
    wait_seconds: Wait = Field(
        MAX_WAIT_SECONDS, description=f"How long to wait for the end of the job, 0 to {MAX_WAIT_SECONDS} seconds."
    )


class ModelsArguments(_Arguments):
    width: Side = Field(1024, description=f"Pixels, {MIN_SIDE} to {MAX_SIDE}, for `price_usd`.")
    height: Side = Field(1024, description=f"Pixels, {MIN_SIDE} to {MAX_SIDE}, for `price_usd`.")
    quality: Quality = Field("standard", description="The quality, for `price_usd`.")


class UsageArguments(_Arguments):
    month: str | None = Field(None, pattern=usage.MONTH_PATTERN, description=usage.MONTH_DESCRIPTION)


class ImagesJob(BaseModel):
    """A generation, as a job that may still be unfinished."""

    id: str = Field(description="For get_job and cancel_job.")
    status: Status = Field(description="How far the job is.")
    images: list[Detail] = Field(
        description="Each requested image; of an unfinished job, the images so far. `url` opens in any browser until "
        "`expires_at`; `link` keeps working, with the API key."
    )
    model: str | None = Field(description="The model that made the images; null while the job is unfinished.")
    cost_usd: float | None = Field(description="What the images cost; null while the job is unfinished.")
    expires_at: datetime | None = Field(description="When the first `url` stops working; null without one.")
    warnings: list[GenerationWarning] = Field(description="What was done differently from the request.")
    next_step: str | None = Field(description="What to do next, if the job is unfinished.")


@dataclass(frozen=True)
class Tool:
    """`hints` are MCP's annotations: what the tool changes."""

    name: str
    title: str
    description: str
    arguments: type[BaseModel]
    result: type[BaseModel]
    run: Callable[[Any, Asker], Result]
    hints: Mapping[str, bool]


def call(tool: Tool, arguments: Mapping[str, Any], asker: Asker) -> Result:
    """What the tool returns. Raises ImagingError only, and logs it."""
    try:
        return tool.run(_validated(tool, arguments), asker)
    except ImagingError as error:
        raise _logged(error) from error
    except BucketError as error:
        raise _logged(problems.no_link(error)) from error
    except Exception as error:
        log_bug(error)
        raise _logged(InternalError()) from error


def explanation(error: ImagingError) -> str:
    """What happened and what to do, for a language model to read."""
    wait = error.retry_after_seconds
    remedy = f" Wait {wait} seconds before that." if wait else ""
    return f"{error.detail}{remedy} (code: {error.code})"


def _logged(error: ImagingError) -> ImagingError:
    problems.log_failure(error)
    return error


def _validated(tool: Tool, arguments: Mapping[str, Any]) -> BaseModel:
    try:
        return tool.arguments.model_validate(arguments)
    except ValidationError as error:
        raise problems.invalid_request(error.errors(include_input=False, include_url=False)) from None


def _generate_image(arguments: GenerateArguments, asker: Asker) -> Result:
    services = bootstrap.services()
    submission = services.deduplication.submission(
        arguments.generation_request(), asker.caller, arguments.idempotency_key
    )
    answered = services.generations.enqueue(submission)
    form = Format(arguments.output_format)
    if isinstance(answered, Delivery):
        return _finished("succeeded", answered.generation, asker, form)
    return _job(services.generations.awaited(asker.caller, answered.id, arguments.wait_seconds), asker, form)


def _get_job(arguments: GetJobArguments, asker: Asker) -> Result:
    return _job(bootstrap.services().generations.awaited(asker.caller, arguments.id, arguments.wait_seconds), asker)


def _cancel_job(arguments: JobArguments, asker: Asker) -> Result:
    return _job(bootstrap.services().generations.cancel(asker.caller, arguments.id), asker)


def _list_models(arguments: ModelsArguments, _: Asker) -> Result:
    return Result(models.models(arguments.width, arguments.height, arguments.quality))


def _get_usage(arguments: UsageArguments, asker: Asker) -> Result:
    return Result(usage.usage_of(asker.caller, arguments.month))


def _job(job: GenerationRecord, asker: Asker, form: Format = Format.PNG) -> Result:
    """The job. Raises the error that it failed with."""
    if job.failure is not None:
        raise job.failure.as_error()
    if job.result is None:
        return Result(_unfinished(job, asker))
    return _finished(job.status, bootstrap.services().gallery.current(job.owner, job.result), asker, form)


def _finished(status: Status, generation: Generation, asker: Asker, form: Format) -> Result:
    files = bootstrap.services().renditions.files(asker.caller, generation.stored, Rendition(form))
    return Result(_images_job(status, answer(generation, files, asker.stable_link)), generation.stored)


def _images_job(status: Status, made: GenerationAnswer) -> ImagesJob:
    return ImagesJob(
        id=made.id,
        status=status,
        images=made.details,
        model=made.model,
        cost_usd=made.cost_usd,
        expires_at=made.expires_at,
        warnings=made.warnings,
        next_step=None,
    )


def _unfinished(job: GenerationRecord, asker: Asker) -> ImagesJob:
    services = bootstrap.services()
    made = services.generations.progress(job)
    links = {index: services.bucket.link(image.id) for index, image in made.items()}
    return ImagesJob(
        id=job.id,
        status=job.status,
        images=[
            stored_detail(image, index, job.requested, links[index], asker.stable_link) for index, image in made.items()
        ],
        model=None,
        cost_usd=None,
        expires_at=min((link.expires_at for link in links.values()), default=None),
        warnings=[],
        next_step=_next_step(job),
    )


def _next_step(job: GenerationRecord) -> str | None:
    if job.is_over:
        return None
    waits = f" It waits: {job.waiting.detail}" if job.status == "queued" and job.waiting else ""
    return f"The images are not ready yet.{waits} Call get_job with this id to wait for them."


_READS = {"readOnlyHint": True, "openWorldHint": False}

TOOLS: Mapping[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool(
            "generate_image",
            "Generate images",
            "Makes 1 to 4 images from a text, and shows them. Each image costs money (list_models has the prices). The "
            "same arguments bring the same images again and cost nothing, so choose another seed for another image. "
            "If the images take long, the answer is an unfinished job: call get_job with its id.",
            GenerateArguments,
            ImagesJob,
            _generate_image,
            {"readOnlyHint": False, "destructiveHint": False, "idempotentHint": False, "openWorldHint": True},
        ),
        Tool(
            "get_job",
            "Look at a job",
            "Waits for a job of generate_image, and shows its images. Costs nothing. Images are kept for the "
            "deployment's retention time, 30 days if the operator did not change it.",
            GetJobArguments,
            ImagesJob,
            _get_job,
            _READS,
        ),
        Tool(
            "cancel_job",
            "Cancel a job",
            "Cancels a job of generate_image that is still queued. A job that has begun cannot be cancelled.",
            JobArguments,
            ImagesJob,
            _cancel_job,
            {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": True, "openWorldHint": False},
        ),
        Tool(
            "list_models",
            "List models",
            "Lists the models that make images, with their limits, and the price of one image of a size and quality.",
            ModelsArguments,
            models.ModelList,
            _list_models,
            _READS,
        ),
        Tool(
            "get_usage",
            "Show usage",
            "Says what this API key has spent in a month, and its cap.",
            UsageArguments,
            usage.UsageAnswer,
            _get_usage,
            _READS,
        ),
    )
}
"""By their names."""
