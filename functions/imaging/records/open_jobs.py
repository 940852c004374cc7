"""How many unfinished jobs each owner has, and the cap on it, so that one API key cannot fill the queue.

The count is the item `jobs#<owner>`. It changes only in the transaction that writes a job's record, when the job is
accepted and when it is over, so it can neither be exceeded nor leak.
"""

from dataclasses import dataclass

from aws.table import Add, AtMost
from imaging.errors import TooManyJobs
from imaging.records.keys import Keys
from imaging.records.record import GenerationRecord

OPEN = "open"


@dataclass(frozen=True)
class OpenJobs:
    """`default` is how many an owner may have whose key has no cap of its own; None is no cap."""

    keys: Keys
    default: int | None

    def changes(self, before: GenerationRecord, after: GenerationRecord) -> list[Add]:
        """What a change of a record adds to its owner's count. Only a new job is conditional on the cap."""
        more = after.is_open - before.is_open
        cap = self._cap(after.owner)
        room = AtMost(OPEN, cap - 1) if cap is not None and more > 0 else None
        return [Add(key(after.owner), {OPEN: more}, room)] if more else []

    def release(self, owner: str) -> Add:
        """The change by which a job that can never end is counted no longer."""
        return Add(key(owner), {OPEN: -1})

    def refusal(self, owner: str) -> TooManyJobs:
        return TooManyJobs(
            f"This key has {self._cap(owner)} unfinished jobs, the most that it may have, so this one was not accepted "
            "and costs nothing. Send it again when one of them has ended, cancel one with DELETE /jobs/{id}, or ask "
            "the operator for a higher cap (OpenJobsPerKey, or the key's own)."
        )

    def _cap(self, owner: str) -> int | None:
        return self.keys.known(owner).jobs(self.default)


def key(owner: str) -> str:
    return f"jobs#{owner}"
