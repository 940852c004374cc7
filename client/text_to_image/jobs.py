"""The routes of jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from text_to_image import connection, results
from text_to_image.connection import Connection
from text_to_image.images import checked
from text_to_image.results import Job


async def submit(api: Connection, request: Mapping[str, Any], idempotency_key: str) -> tuple[Job, httpx.Response]:
    """Create a job, or return the one that this idempotency key created."""
    headers = {"Prefer": "respond-async", "Idempotency-Key": idempotency_key}
    answer = await api.request("POST", "/generate", headers=headers, json=_without_defaults(request))
    body = connection.known(answer)
    form = str(request.get("output_format", "png"))
    if answer.status_code == httpx.codes.ACCEPTED:
        return results.job(body, form, connection.retry_after(answer)), answer
    return results.replayed_job(body, form, replayed=answer.headers.get("idempotent-replayed") == "true"), answer


async def get(api: Connection, job_id: str, output_format: str = "png") -> tuple[Job, httpx.Response]:
    query = {} if output_format == "png" else {"output_format": output_format}
    answer = await api.request("GET", f"/jobs/{checked(job_id, 'job')}", params=query)
    return results.job(connection.known(answer), output_format), answer


async def cancel(api: Connection, job_id: str) -> Job:
    return results.job(connection.known(await api.request("DELETE", f"/jobs/{checked(job_id, 'job')}")))


def _without_defaults(request: Mapping[str, Any]) -> dict[str, Any]:
    """Omit defaults: the API warns about adjustments of explicit values only, and older ones know fewer fields."""
    defaults = {"cfg_scale": 8, "quality": "standard", "negative_text": None, "model": None, "output_format": "png"}
    return {name: value for name, value in request.items() if name not in defaults or value != defaults[name]}
