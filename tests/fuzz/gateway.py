"""A WSGI application that passes requests to the handlers in this process, as API Gateway does."""

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import parse_qs, parse_qsl

from aws_lambda_powertools.utilities.typing import LambdaContext

from api.app import lambda_handler
from authorizer.app import caller
from authorizer.app import lambda_handler as authorize
from local.gateway import Gateway
from tests.fakes.bucket import FakeBucket
from tests.fakes.lambda_runtime import FakeContext, event
from tests.fakes.queue import FakeQueue
from tests.fakes.table import FakeTable
from tests.unit.doors import work

STAGE = "/api"
KEY = "key-of-the-fuzz-tests-0123456789"
PUBLIC_KEY = "public-key-0123456789"
KEYS = {KEY, PUBLIC_KEY}


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: str | None

    @classmethod
    def of(cls, environ: Mapping[str, Any]) -> "Request":
        path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length).decode(errors="replace") if length else None
        return cls(
            environ["REQUEST_METHOD"], path.removeprefix(STAGE), environ["QUERY_STRING"], _headers(environ), body
        )


@dataclass
class InProcess:
    """Before every third request, the worker takes the next message."""

    gateway: Gateway
    table: FakeTable
    bucket: FakeBucket
    queue: FakeQueue
    answered: int = 0

    def forget(self) -> None:
        """Begin anew: no job, no image, no record."""
        self.answered = 0
        for part in (self.table.records, self.bucket.objects, self.bucket.renditions, self.queue.sent):
            part.clear()

    def __call__(self, environ: Mapping[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        self.answered += 1
        if self.answered % 3 == 0 and self.queue.sent:
            work(self.queue.sent.pop(0))
        status, headers, body = self._answer(Request.of(environ))
        start_response(f"{status} {HTTPStatus(status).phrase}", headers)
        return [body.encode()]

    def _answer(self, request: Request) -> tuple[int, list[tuple[str, str]], str]:
        key = _key(request)
        if key is None:
            answer = self.gateway.answer("UNAUTHORIZED", 401, "Unauthorized")
            return answer.status, list(answer.headers.items()), answer.body
        found = lambda_handler(_event(request, key), FakeContext())
        headers = [(name, value) for name, values in found["multiValueHeaders"].items() for value in values]
        return found["statusCode"], headers, found["body"] or ""


@dataclass
class Served:
    """Passes requests on to the deployment of the current test: schemathesis takes one application for all tests."""

    application: InProcess | None = None

    def __call__(self, environ: Mapping[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        assert self.application is not None
        return self.application(environ, start_response)


def _headers(environ: Mapping[str, Any]) -> dict[str, str]:
    named = {name.removeprefix("HTTP_"): value for name, value in environ.items() if name.startswith("HTTP_")}
    return {name.replace("_", "-").lower(): value for name, value in named.items()} | {"x-forwarded-proto": "https"}


def _key(request: Request) -> str | None:
    """The key that the authorizer finds, if it is one of this deployment's."""
    answer = authorize(
        {
            "type": "REQUEST",
            "methodArn": f"arn:aws:execute-api:us-east-1:000000000000:api/api/{request.method}/path",
            "headers": request.headers,
            "httpMethod": request.method,
            "pathParameters": {"proxy": request.path.removeprefix("/")},
            "queryStringParameters": dict(parse_qsl(request.query, keep_blank_values=True)),
        },
        cast(LambdaContext, FakeContext()),
    )
    allowed = answer["policyDocument"]["Statement"][0]["Effect"] == "Allow"
    return answer["usageIdentifierKey"] if allowed and answer["usageIdentifierKey"] in KEYS else None


def _event(request: Request, key: str) -> dict[str, Any]:
    base = event("api-gateway")
    return {
        **base,
        "httpMethod": request.method,
        "path": request.path,
        "body": request.body,
        "headers": request.headers,
        "multiValueHeaders": {name: [value] for name, value in request.headers.items()},
        "pathParameters": {"proxy": request.path.removeprefix("/")},
        "queryStringParameters": dict(parse_qsl(request.query, keep_blank_values=True)) or None,
        "multiValueQueryStringParameters": parse_qs(request.query, keep_blank_values=True) or None,
        "requestContext": {
            **base["requestContext"],
            "requestId": str(uuid.uuid4()),
            "path": f"{STAGE}{request.path}",
            "httpMethod": request.method,
            "authorizer": {**base["requestContext"]["authorizer"], "caller": caller(key)},
        },
    }
