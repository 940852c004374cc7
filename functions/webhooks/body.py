"""The body of a webhook: the job as GET /jobs/{id} shows it, without links that expire."""

from datetime import UTC, datetime
from typing import Any

from pydantic_core import to_json

from api.answer import GenerationAnswer, answer
from api.caller import links_below
from api.job import Progress, problem_of, shown, time_of
from aws.bucket import Link
from imaging.images.encoding import Format
from imaging.images.gallery import Gallery
from imaging.images.renditions import ImageFile
from imaging.records.delivery import Delivery
from imaging.requests.result import Generation

_NO_LINK = Link("", datetime.fromtimestamp(0, UTC))


def body(delivery: Delivery, gallery: Gallery) -> bytes:
    """In the form that Standard Webhooks advises. Raises DependencyUnavailable."""
    return to_json(
        {"type": delivery.type, "timestamp": time_of(delivery.ended_at), "data": _shown_job(delivery, gallery)}
    )


def _shown_job(delivery: Delivery, gallery: Gallery) -> dict[str, Any]:
    job, form = delivery.required_job(), Format(delivery.webhook.output_format)
    result = job.result and gallery.current(job.owner, job.result)
    address = delivery.webhook.address
    problem = problem_of(job.failure, f"/jobs/{job.id}", delivery.id) if job.failure else None
    job_shown = shown(
        job,
        address,
        form,
        Progress(requested=job.requested, made=len(result.stored) if result else 0, details=[]),
        _answer(result, address, form) if result else None,
        problem,
    )
    return job_shown.model_dump(mode="json", exclude={"result": _unknown(form)})


def _answer(result: Generation, address: str, form: Format) -> GenerationAnswer:
    files = [ImageFile(_NO_LINK, image.bytes) for image in result.stored]
    return answer(result, files, links_below(address, form))


def _unknown(form: Format) -> dict[str, Any]:
    """Links that expire, and the length of a file that may not be made yet."""
    of_an_image = {"url"} if form is Format.PNG else {"url", "bytes"}
    return {"images": True, "expires_at": True, "details": {"__all__": of_an_image}}
