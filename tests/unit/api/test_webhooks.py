"""Webhooks: the end of a job is sent to where its caller wants it, signed, until it arrives or a day is over."""

import base64
import hashlib
import hmac
import io
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

import bootstrap
from aws.queue import LONGEST_DELAY_SECONDS
from aws.table import Change
from bootstrap import Services
from imaging.records.delivery import HINT_SECONDS
from imaging.webhooks.sender import LEASE_SECONDS, MOST_ATTEMPTS, PAUSES, RESEND_SECONDS
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.clock import FakeClock
from tests.fakes.queue import FakeQueue
from tests.fakes.receiver import FakeReceiver, Message
from tests.fakes.table import FakeTable
from tests.unit.conftest import Send
from tests.unit.doors import FunctionKilled, counted_calls, deliver, killed_after, sweep, work

FOX = {"text": "a fox"}
URL = "https://receiver.example/hook?token=private"
ANOTHER = "fedcba9876543210"


def secret(send: Send) -> str:
    return str(send("POST", "/webhooks/secret").json["secret"])


def start(send: Send, **body: object) -> str:
    answer = send("POST", "/generate", FOX | body, prefer="respond-async")
    assert answer.status == 202, answer.text
    return str(answer.json["id"])


def ended(send: Send, webhook_queue: FakeQueue) -> str:
    """End a job with a webhook, and return its delivery's id."""
    secret(send)
    work(start(send, webhook_url=URL))
    return webhook_queue.sent[-1]


def log_of(send: Send, delivery_id: str) -> Any:  # noqa: ANN401 - any JSON
    return send("GET", f"/webhooks/deliveries/{delivery_id}").json


def seconds_until_next(delivery_id: str, wall: FakeClock) -> float:
    found = bootstrap.services().deliveries.find(delivery_id)
    assert found is not None
    assert found.next_at is not None
    return found.next_at - wall()


def is_signed(message: Message, secret: str) -> bool:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message.headers['webhook-id']}.{message.headers['webhook-timestamp']}.".encode() + message.body
    expected = "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return expected in message.headers["webhook-signature"].split(" ")


def test_the_end_of_a_job_is_sent_signed_and_without_links_that_expire(
    send: Send, webhook_queue: FakeQueue, receiver: FakeReceiver
) -> None:
    key = secret(send)
    job_id = start(send, webhook_url=URL)
    assert work(job_id)
    (delivery_id,) = webhook_queue.sent
    assert deliver(delivery_id)
    (message,) = receiver.messages
    assert message.url == URL
    assert is_signed(message, key)
    assert message.json["type"] == "generation.completed"
    data = message.json["data"]
    assert (data["id"], data["status"]) == (job_id, "succeeded")
    assert "url" not in data["result"]["details"][0]
    assert data["result"]["details"][0]["link"].endswith(".png")
    assert "images" not in data["result"]
    (logged,) = send("GET", f"/jobs/{job_id}/deliveries").json["deliveries"]
    assert (logged["id"], logged["status"], [each["status"] for each in logged["attempts"]]) == (
        delivery_id,
        "delivered",
        [200],
    )


def test_a_receiver_that_is_down_for_an_hour_gets_it_afterwards(
    send: Send, webhook_queue: FakeQueue, receiver: FakeReceiver, wall: FakeClock
) -> None:
    key = secret(send)
    job_id = start(send, webhook_url=URL)
    assert work(job_id)
    (delivery_id,) = webhook_queue.sent
    receiver.status = 503
    for _ in range(60):
        deliver(delivery_id)
        wall.advance(60)
    receiver.status = 200
    while send("GET", f"/webhooks/deliveries/{delivery_id}").json["status"] == "pending":
        sweep()
        deliver(delivery_id)
        wall.advance(60)
    assert is_signed(receiver.messages[-1], key)
    signed_at = [int(message.headers["webhook-timestamp"]) for message in receiver.messages]
    assert signed_at[-1] - signed_at[0] >= 3600, "each try is signed anew"
    assert {message.headers["webhook-id"] for message in receiver.messages} == {delivery_id}
    assert send("GET", f"/webhooks/deliveries/{delivery_id}").json["status"] == "delivered"


def test_a_delivery_whose_message_was_lost_is_found_by_the_sweeper(
    send: Send, webhook_queue: FakeQueue, receiver: FakeReceiver, wall: FakeClock
) -> None:
    """The function that ended the job crashed after the commit, before it sent the message."""
    key = secret(send)
    job_id = start(send, webhook_url=URL)
    with killed_after(0, webhook_queue, "send"):
        work(job_id)
    assert webhook_queue.sent == []
    sweep()
    assert webhook_queue.sent == [], "its message may still come"
    wall.advance(HINT_SECONDS)
    sweep()
    (delivery_id,) = webhook_queue.sent
    assert deliver(delivery_id)
    assert is_signed(receiver.messages[0], key)


@pytest.mark.parametrize("answer", [200, 500, 410, "timed_out"])
def test_neither_the_address_nor_the_secret_nor_the_prompt_is_logged(
    send: Send,
    webhook_queue: FakeQueue,
    receiver: FakeReceiver,
    log: io.StringIO,
    answer: int | str,
) -> None:
    key = secret(send)
    receiver.answers = [answer]
    work(start(send, webhook_url=URL))
    deliver(webhook_queue.sent[0])
    assert '"host":"receiver.example"' in log.getvalue()
    for private in ("/hook", "token=private", key, "a fox"):
        assert private not in log.getvalue()
    assert webhook_queue.sent[0].startswith("msg_")


@pytest.mark.parametrize("code", ["SendMessage refused", "connection lost"])
def test_a_queue_that_refuses_harms_no_job(send: Send, webhook_queue: FakeQueue, code: str) -> None:
    secret(send)
    job_id = start(send, webhook_url=URL)
    webhook_queue.refusals.append(code)
    assert work(job_id)
    assert send("GET", f"/jobs/{job_id}").json["status"] == "succeeded"
    assert webhook_queue.sent == []


def test_tries_end_after_a_day_and_none_runs_the_job_again(
    send: Send, webhook_queue: FakeQueue, receiver: FakeReceiver, wall: FakeClock, bedrock: FakeBedrock
) -> None:
    secret(send)
    job_id = start(send, webhook_url=URL)
    work(job_id)
    (delivery_id,) = webhook_queue.sent
    receiver.status, began, calls = 500, wall(), len(bedrock.calls)
    while send("GET", f"/webhooks/deliveries/{delivery_id}").json["status"] == "pending":
        deliver(delivery_id)
        sweep()
        wall.advance(60)
    log = send("GET", f"/webhooks/deliveries/{delivery_id}").json
    assert (log["status"], log["next_at"], len(log["attempts"])) == ("given_up", None, len(PAUSES) + 1)
    assert 20 * 3600 < wall() - began < 28 * 3600
    assert len(bedrock.calls) == calls
    assert deliver(delivery_id)
    assert len(receiver.messages) == len(PAUSES) + 1, "no more after the last"


def test_a_failed_and_a_cancelled_job_are_sent_too(
    send: Send, webhook_queue: FakeQueue, receiver: FakeReceiver, bedrock: FakeBedrock
) -> None:
    secret(send)
    cancelled = start(send, webhook_url=URL)
    send("DELETE", f"/jobs/{cancelled}")
    bedrock.refuse("ValidationException", times=8)
    work(start(send, webhook_url=URL, seed=2))
    for delivery_id in webhook_queue.sent:
        deliver(delivery_id)
    assert [each.json["type"] for each in receiver.messages] == ["generation.cancelled", "generation.failed"]
    assert receiver.messages[1].json["data"]["problem"]["code"] == "invalid_request"
    assert "fox" not in str([each.body for each in receiver.messages])


def test_without_its_secrets_nothing_more_is_sent(send: Send, webhook_queue: FakeQueue, receiver: FakeReceiver) -> None:
    delivery_id = ended(send, webhook_queue)
    send("DELETE", "/webhooks")
    assert deliver(delivery_id)
    assert receiver.messages == []
    log = send("GET", f"/webhooks/deliveries/{delivery_id}").json
    assert (log["status"], log["attempts"][0]["error"]) == ("given_up", "no_secret")


def test_during_the_overlap_both_secrets_sign(
    send: Send, webhook_queue: FakeQueue, receiver: FakeReceiver, wall: FakeClock
) -> None:
    old, new = secret(send), secret(send)
    for pause, signers in ((0, {old, new}), (24 * 3600, {new})):
        wall.advance(pause)
        work(start(send, webhook_url=URL, seed=pause))
        deliver(webhook_queue.sent[-1])
        assert {each for each in (old, new) if is_signed(receiver.messages[-1], each)} == signers


@pytest.mark.parametrize(
    "url",
    [
        "http://receiver.example/",
        "https://user:word@receiver.example/",
        "https://127.0.0.1/",
        "https://169.254.169.254/latest",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://10.0.0.1/",
        "https:///",
        "https://receiver.example:0/",
    ],
)
def test_an_address_that_nothing_may_be_sent_to_is_refused(send: Send, url: str) -> None:
    secret(send)
    answer = send("POST", "/generate", FOX | {"webhook_url": url}, prefer="respond-async")
    assert (answer.status, answer.json["errors"][0]["field"]) == (400, "webhook_url")


def test_without_a_job_or_a_secret_it_is_refused(send: Send) -> None:
    assert "respond-async" in send("POST", "/generate", FOX | {"webhook_url": URL}).json["detail"]
    answer = send("POST", "/generate", FOX | {"webhook_url": URL}, prefer="respond-async")
    assert (answer.status, "POST /webhooks/secret" in answer.json["detail"]) == (400, True)


def test_the_default_holds_unless_the_request_says_otherwise(send: Send, webhook_queue: FakeQueue) -> None:
    secret(send)
    assert send("PUT", "/webhooks", {"url": URL}).json["url"] == URL
    work(start(send))
    work(start(send, seed=2, webhook_url=None))
    assert len(webhook_queue.sent) == 1
    assert send("DELETE", "/webhooks").status == 204
    assert send("GET", "/webhooks").json == {"url": None, "secrets": []}


def test_another_callers_deliveries_are_not_found(send: Send, webhook_queue: FakeQueue) -> None:
    secret(send)
    job_id = start(send, webhook_url=URL)
    work(job_id)
    (delivery_id,) = webhook_queue.sent
    for method, path in (
        ("GET", f"/webhooks/deliveries/{delivery_id}"),
        ("POST", f"/webhooks/deliveries/{delivery_id}/resend"),
        ("GET", f"/jobs/{job_id}/deliveries"),
    ):
        assert send(method, path, caller=ANOTHER).status == 404
    assert send("GET", "/webhooks/deliveries", caller=ANOTHER).json["deliveries"] == []


def test_it_can_be_sent_again_under_the_same_id(
    send: Send, webhook_queue: FakeQueue, receiver: FakeReceiver, services: Services
) -> None:
    delivery_id = ended(send, webhook_queue)
    receiver.status = 410
    deliver(delivery_id)
    assert services.deliveries.get("0123456789abcdef", delivery_id).status == "given_up"
    receiver.status = 204
    assert send("POST", f"/webhooks/deliveries/{delivery_id}/resend").status == 202
    deliver(webhook_queue.sent[-1])
    assert [message.headers["webhook-id"] for message in receiver.messages] == [delivery_id] * 2
    assert send("GET", "/webhooks/deliveries").json["deliveries"][0]["status"] == "delivered"


def test_a_job_without_a_webhook_calls_the_table_as_often_as_before(send: Send, table: FakeTable) -> None:
    with counted_calls(table) as calls:
        start(send)
    assert calls == ["write"]
    with counted_calls(table) as calls:
        send("POST", "/generate", FOX | {"seed": 2})
    assert calls == ["write", "write"]


def test_a_default_counts_from_the_next_job_on(send: Send, webhook_queue: FakeQueue) -> None:
    secret(send)
    send("PUT", "/webhooks", {"url": URL})
    work(start(send))
    assert len(webhook_queue.sent) == 1
    send("DELETE", "/webhooks")
    work(start(send, seed=2))
    assert len(webhook_queue.sent) == 1


def test_a_message_without_a_delivery_is_dropped(send: Send, receiver: FakeReceiver) -> None:
    assert send("GET", "/webhooks/deliveries/msg_unknown").status == 404
    assert deliver("msg_unknown")
    assert receiver.messages == []


def test_a_delivery_that_is_sent_again_during_a_try_is_tried_again(
    send: Send, webhook_queue: FakeQueue, receiver: FakeReceiver, wall: FakeClock
) -> None:
    delivery_id = ended(send, webhook_queue)
    receiver.meanwhile = [lambda: send("POST", f"/webhooks/deliveries/{delivery_id}/resend")]
    assert deliver(delivery_id), "the newer message goes on"
    path = f"/webhooks/deliveries/{delivery_id}"
    assert send("GET", path).json["status"] == "pending"
    wall.advance(LEASE_SECONDS)
    assert deliver(webhook_queue.sent[-1])
    assert len(receiver.messages) == 2
    assert send("GET", path).json["status"] == "delivered"


def test_a_write_whose_answer_was_lost_counts(
    send: Send, webhook_queue: FakeQueue, receiver: FakeReceiver, table: FakeTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery_id = ended(send, webhook_queue)
    write = table.write

    def repeated(changes: Sequence[Change], token: str) -> None:
        write(changes, token)
        write(changes, f"{token} without memory")

    monkeypatch.setattr(table, "write", repeated)
    assert deliver(delivery_id)
    assert len(receiver.messages) == 1
    assert send("GET", f"/webhooks/deliveries/{delivery_id}").json["status"] == "delivered"


def test_a_sweep_whose_message_is_refused_tries_again(
    send: Send, webhook_queue: FakeQueue, receiver: FakeReceiver, wall: FakeClock
) -> None:
    secret(send)
    webhook_queue.refusals.append("lost before it was sent")
    work(start(send, webhook_url=URL))
    wall.advance(HINT_SECONDS)
    webhook_queue.refusals.append("refused to the sweeper")
    sweep()
    assert webhook_queue.sent == []
    sweep()
    (delivery_id,) = webhook_queue.sent
    assert deliver(delivery_id)
    assert len(receiver.messages) == 1


def test_a_delivery_outlives_its_job_in_the_log_only(send: Send, webhook_queue: FakeQueue, table: FakeTable) -> None:
    delivery_id = ended(send, webhook_queue)
    deliver(delivery_id)
    for key in [key for key in table.records if key.startswith("generation#")]:
        del table.records[key]
    answer = send("POST", f"/webhooks/deliveries/{delivery_id}/resend")
    assert (answer.status, "has expired" in answer.json["detail"]) == (404, True)
    assert send("GET", f"/webhooks/deliveries/{delivery_id}").json["status"] == "delivered"


def test_a_malformed_record_is_an_error_of_ours_and_ends_its_message(
    send: Send, webhook_queue: FakeQueue, receiver: FakeReceiver, table: FakeTable
) -> None:
    delivery_id = ended(send, webhook_queue)
    (record,) = [record for key, record in table.records.items() if key.startswith("delivery#")]
    record["tries"] = "many"  # type: ignore[index]
    assert send("GET", f"/webhooks/deliveries/{delivery_id}").status == 500
    assert deliver(delivery_id)
    assert receiver.messages == []


def test_a_job_is_sent_to_five_addresses_at_most(send: Send, webhook_queue: FakeQueue) -> None:
    secret(send)
    jobs = {start(send, webhook_url=f"{URL}&receiver={number}") for number in range(5)}
    answer = send("POST", "/generate", FOX | {"webhook_url": URL}, prefer="respond-async")
    assert (answer.status, answer.json["errors"][0]["field"]) == (400, "webhook_url")
    (job_id,) = jobs
    work(job_id)
    assert len(webhook_queue.sent) == 5


def test_a_later_change_of_the_job_sends_nothing_again(
    send: Send, webhook_queue: FakeQueue, receiver: FakeReceiver
) -> None:
    secret(send)
    job_id = start(send, webhook_url=URL)
    work(job_id)
    (delivery_id,) = webhook_queue.sent
    deliver(delivery_id)
    image = send("GET", f"/jobs/{job_id}").json["result"]["details"][0]["id"]
    assert send("DELETE", f"/images/{image}.png").status == 204
    assert send("GET", f"/webhooks/deliveries/{delivery_id}").json["status"] == "delivered"
    deliver(delivery_id)
    assert len(receiver.messages) == 1


def test_a_sender_that_dies_during_a_try_is_followed_by_another(
    send: Send, webhook_queue: FakeQueue, receiver: FakeReceiver, wall: FakeClock
) -> None:
    delivery_id = ended(send, webhook_queue)

    def die() -> None:
        raise FunctionKilled

    receiver.meanwhile = [die]
    with pytest.raises(FunctionKilled):
        deliver(delivery_id)
    wall.advance(LEASE_SECONDS + HINT_SECONDS)
    sweep()
    assert webhook_queue.sent == [delivery_id] * 2
    assert deliver(delivery_id)
    assert send("GET", f"/webhooks/deliveries/{delivery_id}").json["status"] == "delivered"


def test_a_request_says_what_it_is(send: Send, webhook_queue: FakeQueue, receiver: FakeReceiver) -> None:
    deliver(ended(send, webhook_queue))
    headers = receiver.messages[0].headers
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"] == "text-to-image-api"


def test_the_log_has_when_a_try_began_how_long_it_took_and_its_end(
    send: Send, webhook_queue: FakeQueue, receiver: FakeReceiver, wall: FakeClock, log: io.StringIO
) -> None:
    delivery_id = ended(send, webhook_queue)
    receiver.answers, receiver.meanwhile = ["timed_out"], [lambda: wall.advance(2.5)]
    began = wall()
    deliver(delivery_id)
    (attempt,) = log_of(send, delivery_id)["attempts"]
    assert datetime.fromisoformat(attempt.pop("at")).timestamp() == int(began)
    assert attempt == {"seconds": 2.5, "status": None, "error": "timed_out"}
    (line,) = [json.loads(line) for line in log.getvalue().splitlines() if "A webhook was tried" in line]
    told = ("level", "status", "tries", "error", "caller", "delivery_id", "host")
    assert [line.get(each) for each in told] == [
        *("WARNING", "pending", 1, "timed_out"),
        *(webhook_queue.owners[0], delivery_id, "receiver.example"),
    ]


def test_each_pause_is_longer_and_within_a_tenth(
    send: Send, webhook_queue: FakeQueue, receiver: FakeReceiver, wall: FakeClock
) -> None:
    delivery_id, receiver.status = ended(send, webhook_queue), 500
    for pause in PAUSES:
        webhook_queue.put_backs.clear()
        deliver(delivery_id)
        seconds = seconds_until_next(delivery_id, wall)
        assert 0.9 * pause <= seconds <= 1.1 * pause
        comes_back = [after for _, after in webhook_queue.put_backs]
        assert comes_back == ([seconds] if seconds <= LONGEST_DELAY_SECONDS else [])
        wall.advance(seconds + 1)
    deliver(delivery_id)
    assert log_of(send, delivery_id)["status"] == "given_up"


def test_pauses_differ_so_that_receivers_are_not_met_all_at_once(
    send: Send, webhook_queue: FakeQueue, receiver: FakeReceiver, wall: FakeClock
) -> None:
    secret(send)
    receiver.status = 500
    for seed in range(5):
        work(start(send, webhook_url=URL, seed=seed))
    for delivery_id in webhook_queue.sent:
        deliver(delivery_id)
    assert len({seconds_until_next(each, wall) for each in webhook_queue.sent}) > 1


def test_a_message_that_comes_too_early_waits(
    send: Send, webhook_queue: FakeQueue, receiver: FakeReceiver, wall: FakeClock
) -> None:
    delivery_id, receiver.answers = ended(send, webhook_queue), [500]
    deliver(delivery_id)
    deliver(delivery_id)
    assert len(receiver.messages) == 1
    _, seconds = webhook_queue.put_backs[-1]
    assert seconds == seconds_until_next(delivery_id, wall)


def test_the_sweeper_sends_a_message_once_until_it_may_be_lost(
    send: Send, webhook_queue: FakeQueue, wall: FakeClock
) -> None:
    delivery_id = ended(send, webhook_queue)
    wall.advance(HINT_SECONDS)
    sweep()
    sweep()
    wall.advance(RESEND_SECONDS - 1)
    sweep()
    assert webhook_queue.sent == [delivery_id] * 2
    wall.advance(1)
    sweep()
    assert webhook_queue.sent == [delivery_id] * 3


def test_the_sweeper_leaves_a_short_pause_to_the_message_and_ends_a_long_one_itself(
    send: Send, webhook_queue: FakeQueue, receiver: FakeReceiver, wall: FakeClock
) -> None:
    delivery_id, receiver.status = ended(send, webhook_queue), 500
    for pause in PAUSES:
        deliver(delivery_id)
        seconds, sent = seconds_until_next(delivery_id, wall), len(webhook_queue.sent)
        wall.advance(seconds + 1)
        sweep()
        assert len(webhook_queue.sent) - sent == (seconds > LONGEST_DELAY_SECONDS), pause


def test_a_sweep_without_time_leaves_deliveries_to_the_next(
    send: Send, webhook_queue: FakeQueue, wall: FakeClock
) -> None:
    ended(send, webhook_queue)
    wall.advance(HINT_SECONDS)
    sweep(seconds=0)
    assert len(webhook_queue.sent) == 1


def test_a_delivery_that_is_sent_again_begins_its_day_anew(
    send: Send, webhook_queue: FakeQueue, receiver: FakeReceiver, wall: FakeClock
) -> None:
    delivery_id, receiver.status = ended(send, webhook_queue), 500
    for _ in range(3):
        send("POST", f"/webhooks/deliveries/{delivery_id}/resend")
        while log_of(send, delivery_id)["status"] == "pending":
            deliver(delivery_id)
            wall.advance(PAUSES[-1] * 1.1)
    assert len(receiver.messages) == 3 * (len(PAUSES) + 1)
    assert len(log_of(send, delivery_id)["attempts"]) == MOST_ATTEMPTS


def test_a_message_that_is_refused_to_who_sends_again_is_the_sweepers(
    send: Send, webhook_queue: FakeQueue, receiver: FakeReceiver, wall: FakeClock
) -> None:
    delivery_id = ended(send, webhook_queue)
    deliver(delivery_id)
    webhook_queue.refusals.append("AccessDenied")
    assert send("POST", f"/webhooks/deliveries/{delivery_id}/resend").status == 202
    assert webhook_queue.sent == [delivery_id]
    wall.advance(HINT_SECONDS)
    sweep()
    assert webhook_queue.sent == [delivery_id] * 2
    assert deliver(delivery_id)
    assert len(receiver.messages) == 2


def test_a_second_message_during_a_try_sends_nothing(
    send: Send, webhook_queue: FakeQueue, receiver: FakeReceiver, wall: FakeClock, services: Services
) -> None:
    delivery_id = ended(send, webhook_queue)
    comes_back: list[float | None] = []

    def seen_twice() -> None:
        wall.advance(LEASE_SECONDS - 1)
        comes_back.append(services.webhooks.send(delivery_id, lambda _: b""))

    receiver.meanwhile = [seen_twice]
    assert deliver(delivery_id)
    assert len(receiver.messages) == 1
    assert comes_back == [1]


def test_the_sweeper_leaves_a_delivery_alone_during_its_try(
    send: Send, webhook_queue: FakeQueue, receiver: FakeReceiver, wall: FakeClock
) -> None:
    delivery_id = ended(send, webhook_queue)
    wall.advance(HINT_SECONDS)
    receiver.meanwhile = [sweep]
    assert deliver(delivery_id)
    assert webhook_queue.sent == [delivery_id]


@pytest.mark.parametrize(("answer", "level"), [(204, "INFO"), (410, "WARNING"), (500, "WARNING")])
def test_a_try_is_logged_with_its_job_and_its_answer(
    send: Send, webhook_queue: FakeQueue, receiver: FakeReceiver, log: io.StringIO, answer: int, level: str
) -> None:
    secret(send)
    job_id = start(send, webhook_url=URL)
    work(job_id)
    receiver.status = answer
    deliver(webhook_queue.sent[0])
    (line,) = [json.loads(line) for line in log.getvalue().splitlines() if "A webhook was tried" in line]
    assert (line["level"], line["generation_id"], line["http_status"]) == (level, job_id, answer)


@pytest.mark.parametrize(("answer", "given_up"), [(204, 0), (410, 0), (500, 1)])
def test_only_a_receiver_that_was_down_for_a_day_is_counted_for_the_alarm(
    *,
    send: Send,
    webhook_queue: FakeQueue,
    receiver: FakeReceiver,
    wall: FakeClock,
    capsys: pytest.CaptureFixture[str],
    answer: int,
    given_up: int,
) -> None:
    delivery_id, receiver.status = ended(send, webhook_queue), answer
    while log_of(send, delivery_id)["status"] == "pending":
        deliver(delivery_id)
        wall.advance(PAUSES[-1] * 1.1)
    emitted = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"DeliveriesGivenUp"' in line]
    assert [each["DeliveriesGivenUp"] for each in emitted] == [[1.0]] * given_up


def test_messages_of_a_delivery_are_in_its_callers_turn(send: Send, webhook_queue: FakeQueue, wall: FakeClock) -> None:
    delivery_id = ended(send, webhook_queue)
    wall.advance(HINT_SECONDS)
    sweep()
    send("POST", f"/webhooks/deliveries/{delivery_id}/resend")
    assert webhook_queue.owners == [webhook_queue.owners[0]] * 3
    assert webhook_queue.owners[0]


def test_two_who_send_a_delivery_again_at_once_both_do(
    send: Send, webhook_queue: FakeQueue, table: FakeTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery_id = ended(send, webhook_queue)
    deliver(delivery_id)
    path, write, statuses = f"/webhooks/deliveries/{delivery_id}/resend", table.write, []

    def later(changes: Sequence[Change], token: str) -> None:
        monkeypatch.setattr(table, "write", write)
        statuses.append(send("POST", path).status)
        write(changes, token)

    monkeypatch.setattr(table, "write", later)
    statuses.append(send("POST", path).status)
    assert statuses == [202, 202]
    assert webhook_queue.sent == [delivery_id] * 3
