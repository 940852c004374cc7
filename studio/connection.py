"""One connection to the API, which asks again while the trouble may pass."""

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
HURRIED_TIMEOUT = httpx.Timeout(4)
PAUSES = (0.5, 1.0, 2.0)
LONGEST_PAUSE = 30.0
PERSISTENCE_SECONDS = 60.0
_MAY_PASS = frozenset({429, 502, 503, 504})


class Connection:
    """Asks the API with the key, and links without it. Raises ImagesError.

    `hurried` asks once and waits a few seconds, for what a page can do without. `waits` is called before each pause.
    """

    def __init__(
        self,
        configuration: Configuration,
        waits: Callable[[], None],
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        hurried: bool = False,
    ) -> None:
        self._configuration = configuration
        self._waits = waits
        self._pauses = () if hurried else PAUSES
        self._http = httpx.AsyncClient(
            timeout=HURRIED_TIMEOUT if hurried else TIMEOUT,
            transport=transport,
            trust_env=not _is_loopback(configuration.base_url),
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
        """The answer to a request of the API, a redirect included."""
        headers = {"x-api-key": self._configuration.api_key, **options.pop("headers", {})}
        answer = await self._persist(method, f"{self._configuration.base_url}{path}", {**options, "headers": headers})
        if answer.is_success or answer.is_redirect:
            return answer
        raise errors.from_problem(
            document(answer), answer.status_code, answer.headers.get("x-request-id"), retry_after(answer)
        )

    async def fetch(self, url: str) -> httpx.Response:
        """Whatever a link answers. It is a secret of its own: the key does not travel with it."""
        return await self._persist("GET", url, {})

    async def _persist(self, method: str, url: str, options: dict[str, Any]) -> httpx.Response:
        """Sends it again while the trouble may pass: every request here may be repeated, thanks to its key."""
        give_up_at = time.monotonic() + PERSISTENCE_SECONDS
        for pause in (*self._pauses, None):
            answer = await self._attempt(method, url, options)
            if isinstance(answer, httpx.Response) and not _may_pass(answer):
                return answer
            wait = _pause(answer, pause)
            if wait is None or time.monotonic() > give_up_at:
                break
            self._waits()
            await asyncio.sleep(wait)
        if isinstance(answer, httpx.Response):
            return answer
        raise _unreachable(answer)

    async def _attempt(self, method: str, url: str, options: dict[str, Any]) -> httpx.Response | httpx.TransportError:
        try:
            return await self._http.request(method, url, **options)
        except httpx.TransportError as error:
            return error
        except (httpx.InvalidURL, httpx.HTTPError) as error:
            raise errors.NotConfigured(f"The address cannot be asked ({type(error).__name__}).") from error


def _is_loopback(url: str) -> bool:
    """A proxy in the environment knows nothing of this machine's own addresses."""
    return urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}


def _may_pass(answer: httpx.Response) -> bool:
    return answer.status_code in _MAY_PASS or document(answer).get("code") == "in_progress"


def _pause(answer: httpx.Response | httpx.TransportError, pause: float | None) -> float | None:
    """What the API asks for, else our own; None where it is not worth the wait."""
    asked_for = retry_after(answer) if isinstance(answer, httpx.Response) else None
    if pause is None or asked_for is None:
        return pause
    return asked_for if asked_for <= LONGEST_PAUSE else None


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
