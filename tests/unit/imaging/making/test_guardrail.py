"""What a guardrail of Amazon Bedrock refuses, and where it is."""

import pytest

from aws.bedrock import BedrockError, Guardrail, invoke
from imaging.errors import Misconfigured, ModelAccessDenied, ModelUnavailable
from imaging.models import refusals
from imaging.models.catalog import MODELS
from settings import Settings
from tests.fakes.bedrock import FakeBedrock, base64_png
from tests.fakes.environment import ENVIRONMENT
from tests.unit.conftest import Send

CORE = MODELS["stability.stable-image-core-v1:1"]
INTERVENED = {"amazon-bedrock-guardrailAction": "INTERVENED"}


@pytest.mark.parametrize("model", ["titan", "core"])
def test_an_intervention_is_content_blocked_and_names_the_guardrail(
    send: Send, bedrock: FakeBedrock, model: str
) -> None:
    bedrock.enqueue(INTERVENED)
    answer = send("POST", "/generate", {"text": "a fox", "model": model})
    assert (answer.status, answer.json["code"]) == (400, "content_blocked")
    assert "guardrail1" in answer.json["detail"]


def test_what_the_guardrail_let_pass_is_delivered(send: Send, bedrock: FakeBedrock) -> None:
    bedrock.enqueue({"images": [base64_png(512, 512)], **INTERVENED})
    answer = send(
        "POST", "/generate", {"text": "a fox", "model": "titan", "number_of_images": 2, "width": 512, "height": 512}
    )
    stored, blocked = answer.json["details"]
    assert (stored["status"], blocked["status"]) == ("stored", "blocked")
    assert "guardrail1" in blocked["reason"]


def test_a_model_outside_the_guardrails_region_is_never_called() -> None:
    with pytest.raises(BedrockError) as raised:
        invoke(CORE.id, "us-west-2", {}, lambda: 1, Guardrail("guardrail1", "1", "us-east-1"))
    assert not raised.value.may_be_billed
    explained = refusals.explain(raised.value, CORE)
    assert isinstance(explained, ModelUnavailable)
    assert not explained.may_pass


@pytest.mark.parametrize(("region", "called_in"), [("", "us-east-1"), ("us-west-2", "us-west-2")])
def test_models_are_called_in_the_guardrails_region(region: str, called_in: str) -> None:
    guarded = {"GUARDRAIL_ID": "guardrail1", "GUARDRAIL_VERSION": "1", "GUARDRAIL_REGION": region}
    settings = Settings.from_environment(ENVIRONMENT | guarded)
    assert settings.guardrail == Guardrail("guardrail1", "1", called_in)
    assert settings.model_region == called_in


def test_a_guardrail_that_does_not_exist_is_the_operators_fault() -> None:
    told = "The guardrail identifier or version provided in the request does not exist."
    assert isinstance(refusals.explain(BedrockError("ValidationException", told), CORE), Misconfigured)


def test_a_missing_permission_is_named() -> None:
    told = "User: x is not authorized to perform: bedrock:ApplyGuardrail on resource: y"
    explained = refusals.explain(BedrockError("AccessDeniedException", told), CORE)
    assert isinstance(explained, ModelAccessDenied)
    assert "bedrock:ApplyGuardrail" in explained.detail
