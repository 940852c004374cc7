"""A queue in memory."""

from dataclasses import dataclass, field

from aws.queue import QueueError


@dataclass
class FakeQueue:
    sent: list[str] = field(default_factory=list)
    buried: list[str] = field(default_factory=list)
    put_backs: list[tuple[str, float]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    def send(self, text: str) -> None:
        if self.refusals:
            raise QueueError(self.refusals.pop(0), is_refusal=True)
        self.sent.append(text)

    def put_back(self, receipt: str, seconds: float) -> None:
        self.put_backs.append((receipt, seconds))

    def bury(self, text: str) -> None:
        self.buried.append(text)
