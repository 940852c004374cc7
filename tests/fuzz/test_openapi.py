"""Random requests by the OpenAPI document: each answer is one that the document describes, and none is a 5xx."""

import pytest

from tests.fuzz import openapi
from tests.fuzz.gateway import KEY, STAGE, InProcess, Served
from tests.fuzz.options import bounded

IN_PROCESS = "requests in process"
REQUEST = {"base_url": STAGE, "headers": {"x-api-key": KEY}}

schema = openapi.schema()
schema.app = served = Served()


@pytest.fixture(autouse=True)
def _served(application: InProcess) -> None:
    served.application = application


@schema.parametrize()
@bounded(25)
def test_every_answer_is_documented(case: openapi.Case) -> None:
    openapi.check(case, REQUEST, IN_PROCESS)


def test_every_sequence_of_requests_is_answered_as_documented(application: InProcess) -> None:
    how = bounded(25, stateful_step_count=8)
    openapi.check_sequences(schema, REQUEST, IN_PROCESS, how, begin=application.forget)
