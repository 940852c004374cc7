"""A queue in memory."""

from dataclasses import dataclass, field

from aws.queue import QueueError


@dataclass
class FakeQueue:
    """`refusals` are codes of messages that are refused, `losses` of those that are lost without a word why, and
    `lost_answers` of those that arrive although the sender sees an error."""

    sent: list[str] = field(default_factory=list)
    owners: list[str] = field(default_factory=list)
    dead_letters: list[str] = field(default_factory=list)
    put_backs: list[tuple[str, float]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    lost_answers: list[str] = field(default_factory=list)

    def send(self, text: str, owner: str) -> None:
        if self.refusals:
            raise QueueError(self.refusals.pop(0), status=403)
        if self.losses:
            raise QueueError(self.losses.pop(0))
        self.sent.append(text)
        self.owners.append(owner)
        if self.lost_answers:
            raise QueueError(self.lost_answers.pop(0))

    def put_back(self, receipt: str, seconds: float) -> None:
        self.put_backs.append((receipt, seconds))

    def dead_letter(self, text: str) -> None:
        self.dead_letters.append(text)
