"""What the tests by the OpenAPI document share, in process and over the laptop stack."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import hypothesis
import schemathesis
from hypothesis import settings
from schemathesis import Case as AnyCase
from schemathesis import Config, Response
from schemathesis.checks import CheckFunction
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import positive_data_acceptance

from api.app import METHODS
from checks.documents import OPENAPI
from tests.fuzz import figures

Case = AnyCase[Any]

ACCEPTED = ["2xx", "3xx", "401", "404", "409", "422", "429"]
"""The statuses of answers to valid requests; some have a wrong key or id, or an Idempotency-Key of another request."""

UNEXPECTED = [method for method in METHODS if method not in {"HEAD", "TRACE"}]
"""Methods that a path may not have. API Gateway knows no TRACE."""

CONFIG = {
    # Each request has the key; a check tries it without. Unknown query parameters are ignored, as by most servers.
    "generation": {"with-security-parameters": False, "allow-extra-parameters": False},
    "checks": {"positive_data_acceptance": {"expected-statuses": ACCEPTED}},
    "phases": {"coverage": {"unexpected-methods": UNEXPECTED}},
}

Request = Mapping[str, Any]
"""How a case is sent: the base URL and the headers."""


def schema() -> BaseSchema:
    return schemathesis.openapi.from_dict(json.loads(OPENAPI.read_text()), config=Config.from_dict(CONFIG))


def check(case: Case, request: Request, what: str) -> None:
    """Send the case, and validate its answer."""
    _validate(case, case.call(**request), request, what)


def check_sequences(
    schema: BaseSchema,
    request: Request,
    what: str,
    how: settings,
    *,
    begin: Callable[[], object] = lambda: None,
    seed: int | None = None,
) -> None:
    """Follow the links from answer to answer; `begin` runs before each sequence."""

    class Sequence(schema.as_state_machine()):  # type: ignore[misc] # made at run time
        def setup(self) -> None:
            begin()

        def get_call_kwargs(self, case: Case) -> dict[str, Any]:  # noqa: ARG002 - schemathesis calls it
            return dict(request)

        def validate_response(self, response: Response, case: Case, **_: Any) -> None:  # noqa: ANN401
            _validate(case, response, request, what)

    if seed is not None:
        hypothesis.seed(seed)(Sequence)
    Sequence.run(settings=how)


def _validate(case: Case, response: Response, request: Request, what: str) -> None:
    figures.count(what)
    case.validate_response(
        response,
        excluded_checks=list(_inapplicable_checks(case)),
        headers=request["headers"],
        transport_kwargs=dict(request),
    )


def _inapplicable_checks(case: Case) -> list[CheckFunction]:
    """A few requests are refused by rules that OpenAPI cannot express."""
    headers, query, body = (_object(part) for part in (case.headers, case.query, case.body))
    refused = (
        ("Idempotency-Key" in headers and "no-cache" in str(headers.get("Cache-Control")).lower())
        or "cursor" in query
        or body.get("model") is not None
        or body.get("size") not in (None, "auto")
        or body.get("webhook_url") is not None
        or (case.path == "/webhooks" and case.method.upper() == "PUT")
        or _is_invisible(body.get("text", body.get("prompt", "a")))
    )
    return [positive_data_acceptance] if refused else []


def _object(part: Any) -> Mapping[str, Any]:  # noqa: ANN401 - headers, a query, or any body
    return part if hasattr(part, "get") else {}


def _is_invisible(text: object) -> bool:
    return isinstance(text, str) and not any(character.isprintable() and not character.isspace() for character in text)
