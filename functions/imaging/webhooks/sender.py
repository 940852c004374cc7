"""The use cases of webhooks: send a delivery, find those that are due, send one again.

Messages are only hints, as for jobs: a delivery is in the table, and the sweeper sends a lost message again. A pause
that is longer than a message can wait is the sweeper's too.
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import takewhile

from aws_lambda_powertools.metrics import MetricUnit

from aws.queue import LONGEST_DELAY_SECONDS, QueueError
from imaging import ports
from imaging.deadline import Deadline
from imaging.errors import DependencyUnavailable, InternalError, NotFound
from imaging.records.delivery import HINT_SECONDS, Delivery, DeliveryAttempt, snapshot
from imaging.records.store import Changed, GenerationStore
from imaging.webhooks import signing
from imaging.webhooks.deliveries import Deliveries
from imaging.webhooks.endpoints import Endpoints
from net.https import HttpsError
from observability import logger, metrics

SECONDS = 10
"""For one try, from the name to the answer's status."""

MINUTE, HOUR = 60, 3600
PAUSES = (5, MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 8 * HOUR)
"""Between tries, 24 hours in all; each is up to a tenth shorter or longer."""

RESEND_SECONDS = 1800
"""How long the sweeper leaves a delivery to the message that it sent again: the queue may be long."""

LEASE_SECONDS = SECONDS + 5

MOST_ATTEMPTS = 30
"""How many tries a record keeps."""

GONE = 410

NO_SECRET = "no_secret"  # noqa: S105 - an error's code

Render = Callable[[Delivery], bytes]
"""From a delivery to the body that is sent. Raises DependencyUnavailable."""


@dataclass(frozen=True)
class Sender:
    deliveries: Deliveries
    endpoints: Endpoints
    store: GenerationStore
    queue: ports.Queue
    post: Callable[[str, Mapping[str, str], bytes, float], int]
    now: Callable[[], float] = time.time

    def send(self, delivery_id: str, render: Render) -> float | None:
        """Tries to send the delivery, if it is due. Returns the seconds until its message must become visible again, or
        None if the delivery is over, or the sweeper sends another message. Raises NotFound, InternalError if its record
        is malformed, DependencyUnavailable."""
        delivery = self.deliveries.find(delivery_id)
        if delivery is None:
            raise NotFound(f"There is no delivery {delivery_id}.")
        if not delivery.is_over and self._seconds_until_due(delivery) <= 0:
            try:
                delivery = self._tried(delivery, render)
            except Changed:
                return None
        return None if delivery.is_over else self._visible_in(delivery)

    def sweep(self, deadline: Deadline) -> int:
        """Sends a message again for every delivery that is due, and returns their number. Raises
        DependencyUnavailable."""
        seen = 0
        for delivery_id in takewhile(lambda _: deadline.leaves(0), self.deliveries.due()):
            seen += 1
            try:
                self._sweep_one(delivery_id)
            except (Changed, DependencyUnavailable, InternalError, QueueError) as error:
                logger.warning(
                    "A due delivery was skipped until the next sweep", delivery_id=delivery_id, why=str(error)
                )
        return seen

    def again(self, owner: str, delivery_id: str) -> Delivery:
        """Sends a delivery again, under the same id. Raises NotFound also if its job has expired or was started anew,
        DependencyUnavailable."""
        while True:
            delivery = self.deliveries.get(owner, delivery_id)
            job = delivery.job or self._job(delivery)
            asked = {
                "status": "pending",
                "job": job,
                "tries": 0,
                "next_at": self.now(),
                "due_at": self.now() + HINT_SECONDS,
            }
            try:
                changed = self.deliveries.change(delivery, **asked)
            except Changed:
                continue
            self._hint(changed)
            return changed

    def _job(self, delivery: Delivery) -> object:
        found = self.store.find(delivery.generation_id)
        if found is None or found.ended_at != delivery.ended_at:
            raise NotFound("The delivery's job has expired or was started anew, so it cannot be sent again.")
        return snapshot(found)

    def _tried(self, delivery: Delivery, render: Render) -> Delivery:
        body = render(delivery)
        lease_until = self.now() + LEASE_SECONDS
        begun = self.deliveries.change(
            delivery, tries=delivery.tries + 1, lease_until=lease_until, due_at=lease_until + HINT_SECONDS
        )
        attempt = self._attempt(begun, body)
        ended = self.deliveries.change(begun, lease_until=0, **self._outcome(begun, attempt))
        _log(ended, attempt)
        return ended

    def _attempt(self, delivery: Delivery, body: bytes) -> DeliveryAttempt:
        began = self.now()
        try:
            status, error = self._status(delivery, body), None
        except HttpsError as failure:
            status, error = None, failure.code
        return DeliveryAttempt(at=began, seconds=round(self.now() - began, 3), status=status, error=error)

    def _status(self, delivery: Delivery, body: bytes) -> int:
        secrets = [each.secret for each in self.endpoints.get(delivery.owner).secrets]
        if not secrets:
            raise HttpsError(NO_SECRET)
        signed = signing.headers(delivery.id, int(self.now()), body, secrets)
        headers = {"Content-Type": "application/json", "User-Agent": "text-to-image-api", **signed}
        return self.post(delivery.webhook.url, headers, body, SECONDS)

    def _outcome(self, delivery: Delivery, attempt: DeliveryAttempt) -> dict[str, object]:
        attempts = [*delivery.attempts, attempt][-MOST_ATTEMPTS:]
        if attempt.is_delivered or delivery.tries > len(PAUSES) or attempt.status == GONE or attempt.error == NO_SECRET:
            status = "delivered" if attempt.is_delivered else "given_up"
            return {"attempts": attempts, "status": status, "job": None, "next_at": None, "due_at": None}
        pause = PAUSES[delivery.tries - 1] * random.uniform(0.9, 1.1)  # noqa: S311
        return {"attempts": attempts, **self._next(self.now() + pause)}

    def _next(self, at: float) -> dict[str, object]:
        """A message that can wait so long comes back by itself."""
        comes_back = at - self.now() <= LONGEST_DELAY_SECONDS
        return {"next_at": at, "due_at": at + HINT_SECONDS if comes_back else at}

    def _visible_in(self, delivery: Delivery) -> float | None:
        seconds = self._seconds_until_due(delivery)
        return seconds if seconds <= LONGEST_DELAY_SECONDS else None

    def _seconds_until_due(self, delivery: Delivery) -> float:
        return max(delivery.next_at or 0, delivery.lease_until) - self.now()

    def _sweep_one(self, delivery_id: str) -> None:
        delivery = self.deliveries.find(delivery_id)
        if delivery and not delivery.is_over and (delivery.due_at or 0) <= self.now():
            self.queue.send(delivery.id, delivery.owner)
            self.deliveries.change(delivery, due_at=self.now() + RESEND_SECONDS)

    def _hint(self, delivery: Delivery) -> None:
        try:
            self.queue.send(delivery.id, delivery.owner)
        except QueueError as error:
            logger.warning("A delivery's message was not sent", delivery_id=delivery.id, aws_error=error.code)


def _log(delivery: Delivery, attempt: DeliveryAttempt) -> None:
    """Neither the URL, whose path and query may be secret, nor anything that the receiver answered."""
    log = logger.info if attempt.is_delivered else logger.warning
    log(
        "A webhook was tried",
        caller=delivery.owner,
        generation_id=delivery.generation_id,
        host=delivery.webhook.host,
        status=delivery.status,
        tries=delivery.tries,
        http_status=attempt.status,
        error=attempt.error,
    )
    if delivery.status == "given_up" and attempt.status != GONE and attempt.error != NO_SECRET:
        metrics.add_metric(name="DeliveriesGivenUp", unit=MetricUnit.Count, value=1)
