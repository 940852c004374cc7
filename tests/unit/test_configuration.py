"""Parameters that make no sense: whoever sends the first request is told which, and why."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

import bootstrap
from api.app import lambda_handler
from bootstrap import Services
from imaging.errors import Misconfigured
from settings import Settings
from tests.fakes.lambda_runtime import FakeContext, event, http_event
from tests.unit.conftest import Send

SUCCESSOR = "arn:aws:bedrock:us-west-2::foundation-model/stability.stable-image-core-v2:0"
WRONG = [
    ("STANDARD_MODELS", "dall-e", "'dall-e' is no model; there are amazon.titan-image-generator-v2:0"),
    ("STANDARD_MODELS", "core,", "'' is no model"),
    ("PREMIUM_MODELS", "ultra@arn", "'arn' is no inference profile's ARN"),
    ("PREMIUM_MODELS", "ultra@", "'' is no inference profile's ARN"),
    ("STANDARD_MODELS", "stability.stable-image-core-v9:0", "is no model; there are amazon.titan-image-generator-v2:0"),
    ("MORE_MODELS", "stability.stable-image-core-v2:0=core", "is no model's ARN"),
    ("MORE_MODELS", f"{SUCCESSOR}=dall-e", "'dall-e' is no family; there are titan, canvas, core, ultra, sd3.5"),
    ("MODEL_PRICES", "core=-0.04", "must be above 0"),
    ("MODEL_PRICES", "core=NaN", "is no price"),
    ("MODEL_PRICES", "core=Infinity", "is no price"),
    ("MONTHLY_BUDGET_USD", "-1", "greater than or equal to 0"),
    ("MONTHLY_BUDGET_PER_KEY_USD", "much", "a valid number"),
    ("LINK_MINUTES", "61", "less than or equal to 60"),
]


@pytest.fixture
def configure(environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401 - a function
    def configure(name: str, value: str) -> None:
        wrong = {**environment, name: value}
        monkeypatch.setattr(bootstrap, "services", lambda: Services.on_aws(Settings.from_environment(wrong)))

    return configure


@pytest.mark.parametrize(("name", "value", "explanation"), WRONG)
def test_the_first_request_says_which_parameter_is_wrong(
    configure: Any,  # noqa: ANN401 - a function
    name: str,
    value: str,
    explanation: str,
) -> None:
    configure(name, value)
    for method, path in (("GET", "/health"), ("POST", "/generate"), ("GET", "/models")):
        answer = lambda_handler(http_event(method, path, '{"text": "a fox"}'), FakeContext())
        problem = json.loads(answer["body"])
        assert (answer["statusCode"], problem["code"]) == (500, "misconfigured")
        assert name in problem["detail"]
        assert explanation in problem["detail"]
        assert problem["request_id"] == answer["multiValueHeaders"]["x-request-id"][0]


@pytest.mark.parametrize(("name", "value", "explanation"), WRONG)
def test_a_direct_invocation_raises_the_same(
    configure: Any,  # noqa: ANN401 - a function
    name: str,
    value: str,
    explanation: str,
) -> None:
    configure(name, value)
    with pytest.raises(Misconfigured) as raised:
        lambda_handler(event("direct"), FakeContext())
    assert name in str(raised.value)
    assert explanation in str(raised.value)


@pytest.mark.parametrize("budget", ["0.0000004", "1e-12"])
@pytest.mark.parametrize("name", ["MONTHLY_BUDGET_USD", "MONTHLY_BUDGET_PER_KEY_USD"])
def test_the_smallest_budget_is_a_budget(environment: Mapping[str, str], name: str, budget: str) -> None:
    settings = Settings.from_environment({**environment, name: budget})
    assert (settings.stack_cap, settings.key_cap) == ((1, None) if name == "MONTHLY_BUDGET_USD" else (None, 1))


class TestBudgetBelowTheRequestsPrice:
    @pytest.fixture
    def environment(self, environment: dict[str, str]) -> dict[str, str]:
        return environment | {"MONTHLY_BUDGET_USD": "0.0000004"}

    def test_the_refusal_says_that_no_month_will_do(self, send: Send) -> None:
        answer = send("POST", "/generate", {"text": "a fox"})
        assert (answer.status, answer.json["code"]) == (402, "budget_exhausted")
        assert "more than a whole month's cap" in answer.json["detail"]
        assert "retry-after" not in answer.headers
