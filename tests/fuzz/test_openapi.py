"""Random requests by the OpenAPI document: each answer is one that the document describes, and none is a 5xx."""

import json
from typing import Any

import pytest
import schemathesis
from schemathesis import Case, Config, Response
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi.checks import positive_data_acceptance

from api.app import METHODS
from checks.documents import OPENAPI
from tests.fuzz.gateway import KEY, STAGE, InProcess, Served
from tests.fuzz.options import bounded

DOCUMENT = json.loads(OPENAPI.read_text())
ACCEPTED = ["2xx", "3xx", "401", "404", "409", "422"]
"""The statuses of answers to valid requests: a wrong key, a wrong id, and an Idempotency-Key of another request."""

CONFIG = Config.from_dict(
    {
        # Each request has the key; a check tries it without. Unknown query parameters are ignored, as by most servers.
        "generation": {"with-security-parameters": False, "allow-extra-parameters": False},
        "checks": {"positive_data_acceptance": {"expected-statuses": ACCEPTED}},
        "phases": {"coverage": {"unexpected-methods": [method for method in METHODS if method != "HEAD"]}},
    }
)
schema = schemathesis.openapi.from_dict(DOCUMENT, config=CONFIG)
schema.app = served = Served()


@pytest.fixture(autouse=True)
def _served(application: InProcess) -> None:
    served.application = application


@schema.parametrize()
@bounded(50)
def test_every_answer_is_documented(case: Case) -> None:
    request = {"base_url": STAGE, "headers": {"x-api-key": KEY}}
    validate(case, case.call(**request), request)


def test_every_sequence_of_requests_is_answered_as_documented() -> None:
    class Sequence(schema.as_state_machine()):  # type: ignore[misc] # made at run time
        def get_call_kwargs(self, case: Case) -> dict[str, Any]:  # noqa: ARG002 - schemathesis calls it
            return {"base_url": STAGE, "headers": {"x-api-key": KEY}}

        def validate_response(self, response: Response, case: Case, **request: Any) -> None:  # noqa: ANN401
            validate(case, response, request)

    Sequence.run(settings=bounded(50, stateful_step_count=8))


def validate(case: Case, response: Response, request: dict[str, Any]) -> None:
    case.validate_response(
        response,
        excluded_checks=list(inapplicable_checks(case)),
        headers=request["headers"],
        transport_kwargs=request,
    )


def inapplicable_checks(case: Case) -> list[CheckFunction]:
    """A few requests are refused by rules that OpenAPI cannot express."""
    headers, query, body = (part if hasattr(part, "get") else {} for part in (case.headers, case.query, case.body))
    refused = (
        ("Idempotency-Key" in headers and "no-cache" in str(headers.get("Cache-Control")).lower())
        or "cursor" in query
        or body.get("model") is not None
        or body.get("size") not in (None, "auto")
    )
    return [positive_data_acceptance] if refused else []
