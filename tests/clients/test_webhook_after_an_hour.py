"""A receiver that is down for an hour of virtual time gets a webhook that three libraries accept."""

import time

import pytest

from imaging.webhooks.sender import HOUR, PAUSES
from tests.clients.verifiers import ALL, said
from tests.fakes.clock import FakeClock
from tests.fakes.queue import FakeQueue
from tests.fakes.receiver import FakeReceiver
from tests.unit.conftest import Send, send
from tests.unit.doors import deliver, sweep, work

__all__ = ["send"]

TRIES = 6
"""Before the one that comes after the hour."""


def test_a_receiver_that_was_down_for_an_hour_verifies_what_it_gets(
    send: Send,
    webhook_queue: FakeQueue,
    receiver: FakeReceiver,
    wall: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("imaging.webhooks.sender.random.uniform", lambda _low, _high: 1.0)
    down = sum(PAUSES[:TRIES])
    wall.now = time.time() - down  # the libraries refuse a message that is older than five minutes
    secret = send("POST", "/webhooks/secret").json["secret"]
    job = send(
        "POST", "/generate", {"text": "a fox", "webhook_url": "https://receiver.example/"}, prefer="respond-async"
    )
    assert work(job.json["id"])
    (delivery,) = webhook_queue.sent

    receiver.status = 503
    for pause in PAUSES[:TRIES]:
        deliver(delivery)
        wall.advance(pause)
        sweep()
    receiver.status = 200
    assert deliver(delivery)

    assert down >= HOUR
    assert len(receiver.messages) == TRIES + 1
    message = receiver.messages[-1]
    assert message.headers["webhook-id"] == delivery
    assert said({"secret": secret, "headers": dict(message.headers), "body": message.body.decode()}) == [ALL]
