"""One connection to the API, which retries transient errors."""

from __future__ import annotations

import asyncio
import email.utils
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from studio import errors
from studio.configuration import Configuration

TIMEOUT = httpx.Timeout(35, connect=5)
FAIL_FAST_TIMEOUT = httpx.Timeout(4)
BACKOFF = (0.5, 1.0, 2.0)
MAX_BACKOFF = 30.0
RETRY_SECONDS = 60.0
_TRANSIENT = frozenset({429, 502, 503, 504})


class Connection:
    """Sends requests to the API with the key, and to links without it. Raises ImagesError.

    `fail_fast` means no retries and a short time-out. `on_retry` is called before each retry.
    """

    def __init__(
        self,
        configuration: Configuration,
        on_retry: Callable[[], None],
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        fail_fast: bool = False,
    ) -> None:
        self._configuration = configuration
        self._on_retry = on_retry
        self._backoff = () if fail_fast else BACKOFF
        self._http = httpx.AsyncClient(
            timeout=FAIL_FAST_TIMEOUT if fail_fast else TIMEOUT,
            transport=transport,
            trust_env=not _is_loopback(configuration.base_url),
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
        """Return the API's answer, a redirect included."""
        headers = {"x-api-key": self._configuration.api_key, **options.pop("headers", {})}
        answer = await self._with_retries(
            method, f"{self._configuration.base_url}{path}", {**options, "headers": headers}
        )
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
        for pause in (*self._backoff, None):
            answer = await self._send(method, url, options)
            if isinstance(answer, httpx.Response) and not _is_transient(answer):
                return answer
            wait = _pause(answer, pause)
            if wait is None or time.monotonic() > deadline:
                break
            self._on_retry()
            await asyncio.sleep(wait)
        if isinstance(answer, httpx.Response):
            return answer
        raise _unreachable(answer)

    async def _send(self, method: str, url: str, options: dict[str, Any]) -> httpx.Response | httpx.TransportError:
        try:
            return await self._http.request(method, url, **options)
        except httpx.TransportError as error:
            return error
        except (httpx.InvalidURL, httpx.HTTPError) as error:
            raise errors.NotConfigured(f"The address cannot be asked ({type(error).__name__}).") from error


def _is_loopback(url: str) -> bool:
    """Whether to ignore proxies, which do not reach this machine's loopback."""
    return urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}


def _is_transient(answer: httpx.Response) -> bool:
    return answer.status_code in _TRANSIENT or document(answer).get("code") == "in_progress"


def _pause(answer: httpx.Response | httpx.TransportError, pause: float | None) -> float | None:
    """Return the API's Retry-After, or else our back-off; None if that is too long."""
    requested = retry_after(answer) if isinstance(answer, httpx.Response) else None
    if pause is None or requested is None:
        return pause
    return requested if requested <= MAX_BACKOFF else None


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
