"""What the log says of a generation that a sweep skips."""

import io
import json

from tests.fakes.clock import FakeClock
from tests.fakes.queue import FakeQueue
from tests.fakes.table import FakeTable
from tests.unit.conftest import Send
from tests.unit.doors import at_call, refuse, sweep


def test_a_skipped_generation_is_logged_with_its_cause(
    send: Send, table: FakeTable, queue: FakeQueue, wall: FakeClock, log: io.StringIO
) -> None:
    job_id = send("POST", "/generate", {"text": "a fox"}, prefer="respond-async").json["id"]
    queue.sent.clear()
    wall.advance(301)
    with at_call(0, table, "get", counted=lambda key: key == f"generation#{job_id}", before=refuse):
        sweep()
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    (skipped,) = [line for line in lines if "was skipped until the next sweep" in line["message"]]
    assert (skipped["generation_id"], skipped["why"]) == (job_id, "The table did not answer. Send the request again.")
