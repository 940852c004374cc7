"""The auditor tells of models that end and of images that the ledger did not count."""

import io
from collections.abc import Collection
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import auditor.app
import bootstrap
from aws.bedrock import BedrockError, ModelStatus
from aws.monitoring import MonitoringError
from bootstrap import Services
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.clock import FakeClock
from tests.fakes.lambda_runtime import FakeContext
from tests.unit.conftest import Send
from tests.unit.emitted import values

DAY = 86_400
FOX = {"text": "a fox"}
ALIVE = ModelStatus("ACTIVE", is_available=True, end_of_life=None)


@dataclass
class FakeAws:
    """What Bedrock's control plane and CloudWatch say. `made` is how many images Bedrock counted since then."""

    models: dict[str, ModelStatus | str] = field(default_factory=dict)
    made: int | str = 0
    asked: list[Any] = field(default_factory=list)

    def model_status(self, model_id: str, region: str) -> ModelStatus:
        self.asked.append((model_id, region))
        status = self.models.get(model_id, ALIVE)
        if isinstance(status, str):
            raise BedrockError(status)
        return status

    def images_made(self, models: Collection[tuple[str, str]], since: float, until: float) -> int:
        self.asked.append((models, since, until))
        if isinstance(self.made, str):
            raise MonitoringError(self.made)
        return self.made


@pytest.fixture
def aws(services: Services, monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    fake = FakeAws()
    audited = replace(services, model_status=fake.model_status, images_made=fake.images_made)
    monkeypatch.setattr(bootstrap, "services", lambda: audited)
    return fake


def audit() -> dict[str, int | None]:
    return auditor.app.lambda_handler({}, FakeContext())


def emitted(name: str) -> list[float]:
    """The values of a metric that the next audit publishes."""
    lines = io.StringIO()
    with redirect_stdout(lines):
        audit()
    return values(lines.getvalue(), name)


def on(wall: FakeClock, **until: int) -> datetime:
    return datetime.fromtimestamp(wall.now, UTC) + timedelta(**until)


def observed(send: Send, model: str) -> Any:  # noqa: ANN401 - JSON
    (found,) = [each for each in send("GET", "/models").json["models"] if each["id"] == model]
    return found["lifecycle"]["observed"]


CORE = "stability.stable-image-core-v1:1"
ULTRA = "stability.stable-image-ultra-v1:1"
TITAN = "amazon.titan-image-generator-v2:0"


class TestLifecycle:
    def test_each_listed_model_is_asked_for_where_it_is_called(self, aws: FakeAws) -> None:
        audit()
        assert aws.asked[-3:] == [(TITAN, "us-east-1"), (CORE, "us-west-2"), (ULTRA, "us-west-2")]

    @pytest.mark.parametrize(("days", "ending"), [(89, 1), (91, 0)])
    def test_a_model_within_ninety_days_of_its_end_counts(
        self, aws: FakeAws, wall: FakeClock, days: int, ending: int
    ) -> None:
        aws.models[CORE] = ModelStatus("LEGACY", is_available=True, end_of_life=on(wall, days=days))
        assert emitted("ModelsEnding") == [ending]

    def test_a_retired_model_counts(self, aws: FakeAws) -> None:
        aws.models[TITAN] = ModelStatus(ModelStatus.RETIRED, is_available=False, end_of_life=None)
        assert audit()["ending"] == 1

    def test_the_list_of_models_tells_what_bedrock_said(self, aws: FakeAws, send: Send, wall: FakeClock) -> None:
        aws.models[CORE] = ModelStatus("LEGACY", is_available=False, end_of_life=on(wall, days=1))
        assert observed(send, CORE) is None
        audit()
        found = observed(send, CORE)
        assert (found["status"], found["available"]) == ("LEGACY", False)
        assert datetime.fromisoformat(found["end_of_life"]) == on(wall, days=1)
        assert datetime.fromisoformat(found["observed_at"]) == on(wall)

    def test_an_observation_of_days_ago_is_not_shown(self, aws: FakeAws, send: Send, wall: FakeClock) -> None:  # noqa: ARG002 - the audit asks it
        audit()
        wall.advance(3 * DAY + 1)
        assert observed(send, CORE) is None

    def test_a_model_that_bedrock_does_not_answer_for_hides_no_other_and_fails_the_audit(
        self, aws: FakeAws, send: Send, log: io.StringIO
    ) -> None:
        aws.models[TITAN] = "AccessDeniedException"
        with pytest.raises(BedrockError):
            audit()
        assert observed(send, CORE)["status"] == "ACTIVE"
        assert "AccessDeniedException" in log.getvalue()


class TestReconciliation:
    def test_begins_with_the_first_audit(self, aws: FakeAws, send: Send) -> None:
        send("POST", "/generate", FOX)
        aws.made = 100
        assert emitted("UncountedImages") == []

    def test_finds_nothing_where_both_count_the_same(self, aws: FakeAws, send: Send, wall: FakeClock) -> None:
        audit()
        wall.advance(DAY)
        send("POST", "/generate", FOX | {"number_of_images": 3, "model": "core"})
        aws.made = 3
        assert emitted("UncountedImages") == [0]

    def test_finds_images_that_the_ledger_did_not_count(self, aws: FakeAws, send: Send, wall: FakeClock) -> None:
        send("POST", "/generate", FOX)
        audit()
        wall.advance(DAY)
        send("POST", "/generate", FOX | {"seed": 2})
        aws.made = 12
        assert audit()["uncounted"] == 11

    def test_says_that_the_ledger_counted_more(
        self, aws: FakeAws, send: Send, wall: FakeClock, bedrock: FakeBedrock
    ) -> None:
        audit()
        wall.advance(DAY)
        bedrock.refuse("ModelErrorException")
        send("POST", "/generate", FOX)
        aws.made = 0
        assert audit()["uncounted"] == -1

    def test_goes_on_over_the_end_of_a_month(self, aws: FakeAws, send: Send, wall: FakeClock) -> None:
        wall.now = datetime(2026, 11, 30, 12, tzinfo=UTC).timestamp()
        send("POST", "/generate", FOX)
        audit()
        send("POST", "/generate", FOX | {"seed": 2})
        wall.advance(DAY)
        send("POST", "/generate", FOX | {"seed": 3})
        aws.made = 2
        assert audit()["uncounted"] == 0

    def test_asks_for_whole_minutes_that_follow_each_other(self, aws: FakeAws, wall: FakeClock) -> None:
        audit()
        windows = []
        for _ in range(2):
            wall.advance(DAY + 17)
            audit()
            windows.append(next(asked[1:] for asked in reversed(aws.asked) if len(asked) == 3))
        assert windows[0][1] == windows[1][0]
        assert all(time % 60 == 0 for window in windows for time in window)

    def test_counts_every_model_that_the_roles_may_call(self, aws: FakeAws, wall: FakeClock) -> None:
        audit()
        wall.advance(DAY)
        audit()
        models = next(asked[0] for asked in aws.asked if len(asked) == 3)
        assert {model for model, _ in models} == {model.id for model in bootstrap.services().settings.models.values()}

    def test_compares_the_same_time_again_after_cloudwatch_did_not_answer(
        self, aws: FakeAws, send: Send, wall: FakeClock
    ) -> None:
        audit()
        wall.advance(DAY)
        send("POST", "/generate", FOX)
        aws.made = "InternalServiceFault"
        with pytest.raises(MonitoringError):
            audit()
        aws.made = 5
        assert audit()["uncounted"] == 4
