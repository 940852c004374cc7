"""One key's many jobs delay another key's one by little, on a queue that is fair as SQS documents it."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from bootstrap import Services
from imaging.records.record import GenerationRecord
from imaging.requests.request import GenerationRequest
from imaging.requests.submission import Submission
from tests.fakes.lambda_runtime import CALLER
from tests.fakes.queue import FakeQueue
from tests.unit.doors import record, work

ANOTHER = "fedcba9876543210"
JOBS = 60


@dataclass
class FairQueue(FakeQueue):
    """Whoever used more than a tenth of the workers' time is noisy, and waits while a quiet owner has a message; see
    "How Amazon SQS fair queues work" in its developer guide. Here each job takes as long as any other."""

    delivered: list[str] = field(default_factory=list)

    def receive(self) -> str:
        place = min(range(len(self.sent)), key=lambda place: self._is_noisy(self.owners[place]))
        self.delivered.append(self.owners.pop(place))
        return self.sent.pop(place)

    def _is_noisy(self, owner: str) -> bool:
        return self.delivered.count(owner) * 10 > len(self.delivered)


@pytest.fixture
def queue() -> FairQueue:
    return FairQueue()


@pytest.fixture
def enqueue(services: Services) -> Callable[[str, int], str]:
    def enqueue(owner: str, seed: int) -> str:
        request = GenerationRequest(text="a fox", width=512, height=512, seed=seed)
        job = services.generations.enqueue(Submission.unique(request, owner))
        assert isinstance(job, GenerationRecord)
        return job.id

    return enqueue


def test_another_keys_one_job_does_not_wait_for_sixty(queue: FairQueue, enqueue: Callable[[str, int], str]) -> None:
    for seed in range(JOBS):
        enqueue(CALLER, seed)
    assert work(queue.receive())
    one = enqueue(ANOTHER, 1)

    turns = 1
    while not record(one).is_over:
        assert work(queue.receive())
        turns += 1

    assert turns == 2
    assert len(queue.sent) == JOBS - 1
