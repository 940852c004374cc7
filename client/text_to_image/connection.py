"""One connection to the API, which retries transient errors."""

from __future__ import annotations

import email.utils
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from text_to_image import errors
from text_to_image.configuration import Configuration
from text_to_image.transfer import Transfer

BACKOFF = (0.5, 1.0, 2.0)
MAX_BACKOFF = 30.0
RETRY_SECONDS = 60.0
_TRANSIENT = frozenset({429, 502, 503, 504})


@dataclass(frozen=True)
class Connection:
    """Sends requests to the API with the key, and to links without it. Raises ImagesError.

    `fail_fast` means no retries. `on_retry` is called before each retry.
    """

    configuration: Configuration
    transfer: Transfer
    fail_fast: bool = False
    on_retry: Callable[[], None] = lambda: None

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
        """Return the API's answer, a redirect included."""
        headers = {"x-api-key": self.configuration.api_key, **options.pop("headers", {})}
        url = f"{self.configuration.base_url}{path}"
        answer = await self._with_retries(method, url, {**options, "headers": headers})
        if answer.is_success or answer.is_redirect:
            return answer
        raise errors.from_problem(
            document(answer), answer.status_code, answer.headers.get("x-request-id"), retry_after(answer)
        )

    async def fetch(self, url: str) -> httpx.Response:
        """Return a link's answer, whatever its status. A link is presigned: the key is not sent."""
        return await self._with_retries("GET", url, {})

    async def _with_retries(self, method: str, url: str, options: dict[str, Any]) -> httpx.Response:
        """Retry transient errors: every request here is safe to retry, by its idempotency key."""
        deadline = time.monotonic() + RETRY_SECONDS
        for longest in (*(() if self.fail_fast else BACKOFF), None):
            answer = await self._send(method, url, options)
            if isinstance(answer, httpx.Response) and not _is_transient(answer):
                return answer
            wait = _pause(answer, longest)
            if wait is None or time.monotonic() > deadline:
                break
            self.on_retry()
            await self.transfer.sleep(wait)
        if isinstance(answer, httpx.Response):
            return answer
        raise _unreachable(answer)

    async def _send(self, method: str, url: str, options: dict[str, Any]) -> httpx.Response | httpx.TransportError:
        try:
            return await self.transfer.send(method, url, options)
        except httpx.TransportError as error:
            return error
        except (httpx.InvalidURL, httpx.HTTPError) as error:
            raise errors.NotConfigured(f"The address cannot be asked ({type(error).__name__}).") from error


def _is_transient(answer: httpx.Response) -> bool:
    return answer.status_code in _TRANSIENT or document(answer).get("code") == "in_progress"


def _pause(answer: httpx.Response | httpx.TransportError, longest: float | None) -> float | None:
    """Return a random part of the back-off, after the API's Retry-After if there is one; None to give up."""
    requested = retry_after(answer) if isinstance(answer, httpx.Response) else None
    if longest is None or (requested or 0) > MAX_BACKOFF:
        return None
    return (requested or 0) + random.uniform(0, longest)  # noqa: S311 - no secret


def retry_after(answer: httpx.Response) -> float | None:
    value = answer.headers.get("retry-after", "")
    if value.isdecimal():
        return float(value)
    until = moment(value)
    return None if until is None else max(0.0, until - time.time())


def moment(date: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None


def document(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _unreachable(error: httpx.TransportError) -> errors.Unreachable:
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
        return errors.Silent("The API does not answer in time.")
    return errors.Unreachable("The API cannot be reached.")


def known(answer: httpx.Response) -> Mapping[str, Any]:
    """Return the body. Raises NotConfigured if it is not this API's."""
    if body := document(answer):
        return body
    raise errors.NotConfigured(
        "Something answers at the API's address, but not this API.", remedy="Check API_URL, its stage included."
    )
