"""Each client runs as its users run it, configured with the base URL alone."""

import pytest

from tests.clients import table
from tests.clients.programs import PROGRAMS, Program, pictures
from tests.e2e.laptop import Emulator, Stack

CONTENT_FILTER = "content filter"
PATIENCE_MS = 3000
"""The time-out of clients that give up early."""


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_client_works_unchanged(program: Program, stack: Stack, emulator: Emulator) -> None:
    emulator.configure(block={"prompt_contains": "forbidden"})
    outcomes = program.run(stack, "one", "two", "base64", "blocked", "wrong_key")
    billed = [call["images"] for call in emulator.calls() if call["status"] == 200]
    refused = [call for call in emulator.calls() if call["status"] != 200]

    (one,), (first, second) = pictures(outcomes["one"]), pictures(outcomes["two"])
    assert (one.format, one.size) == ("PNG", (1024, 1024))
    assert first.tobytes() != second.tobytes()
    assert (outcomes["blocked"]["status"], CONTENT_FILTER in outcomes["blocked"]["message"]) == (400, True)
    assert outcomes["wrong_key"]["status"] == 401
    assert "API key" in outcomes["wrong_key"]["message"]
    assert sum(billed) == 1 + 2 + ("base64" in outcomes)
    assert len(refused) == 1, "what is blocked is asked for once"

    if not program.never_retries:
        outcomes |= _asked_in_vain(program, stack, emulator)
    table.keep(program.name, table.row(program, outcomes))


def _asked_in_vain(program: Program, stack: Stack, emulator: Emulator) -> dict[str, object]:
    """A client that closes the connection before the answer, and retries."""
    emulator.configure(latency_ms=PATIENCE_MS + 1000)
    emulator.forget()
    outcomes = program.run(stack, "impatient", "impatient_with_key")
    ((_, outcome),) = ((name, outcome) for name, outcome in outcomes.items() if name != "version")
    assert len(pictures(outcome)) == 1
    assert [call["images"] for call in emulator.calls()] == [1]
    return outcomes


def test_the_table_has_these_clients_and_no_others() -> None:
    assert list(table.rows()) == [program.name for program in PROGRAMS]


@pytest.mark.parametrize("program", PROGRAMS[:3], ids=lambda program: program.name)
def test_the_models_are_listed_to_a_client(program: Program, stack: Stack) -> None:
    listed = program.run(stack, "models")["models"]["images"]
    assert {"id": "stability.stable-image-core-v1:1"}.items() <= listed[2].items()


def test_the_ai_sdk_fetches_no_link_from_a_loopback_address(stack: Stack, emulator: Emulator) -> None:
    """On a laptop its users request base64; on AWS links have public addresses."""
    (ai_sdk,) = (program for program in PROGRAMS if program.name == "Vercel's AI SDK")
    outcome = ai_sdk.run(stack, "link")["link"]
    assert "not allowed" in outcome["message"]
    assert [call["images"] for call in emulator.calls()] == [1]
