"""What is logged: one line a generation, in a form that Lambda's own filter understands."""

import io
import json
from datetime import datetime

from observability import log_outcome


def test_a_generation_is_one_line_that_tells_who_asked_and_what_came_of_it(log: io.StringIO) -> None:
    log_outcome(caller="0123456789abcdef", generation_id="a-generation", outcome="failed", code="throttled", model=None)

    (line,) = map(json.loads, log.getvalue().splitlines())
    assert (line["message"], line["level"]) == ("A generation ended", "INFO")
    assert (line["caller"], line["generation_id"]) == ("0123456789abcdef", "a-generation")
    assert (line["outcome"], line["code"]) == ("failed", "throttled")
    assert "model" not in line


def test_timestamps_name_their_offset_as_rfc_3339_asks(log: io.StringIO) -> None:
    log_outcome(caller="direct", generation_id="a-generation", outcome="completed")

    timestamp = json.loads(log.getvalue())["timestamp"]
    assert "T" in timestamp
    assert datetime.fromisoformat(timestamp).utcoffset() is not None
