"""The clients' actions in a run, drawn from its seed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from tests.simulation.clients import DIRECT, Api, Client, Order, start
from tests.simulation.services import BLOCKED, PARTLY_BLOCKED
from tests.simulation.weather import MINUTE

CALLERS = ("aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb")
MODELS = ("titan", "core", "ultra", "canvas")


@dataclass(eq=False)
class Scenario:
    api: Api
    random: Random
    number: int = 0

    def begin(self) -> None:
        """Start all clients."""
        for _ in range(self.random.randint(3, 10)):
            act = self.random.choice(self._acts())
            act(self.random.uniform(0, 6 * MINUTE))

    def _acts(self) -> Sequence[Callable[[float], None]]:
        return (
            self._one,
            self._one,
            self._rivals,
            self._rivals,
            self._both_doors,
            self._openai_twins,
            self._changed_mind,
            self._cancels_for_another,
            self._much_later,
            self._deletes,
        )

    def _order(self, caller: str | None = None, **fields: Any) -> Order:  # noqa: ANN401 - a request's fields
        self.number += 1
        caller = caller or self.random.choice((*CALLERS, DIRECT))
        key = f"key-{self.number}" if self.random.random() < 0.5 else None
        body = self._body(f"{caller} wants {self.number}") | fields
        return self.api.order(f"order-{self.number}", caller, body, key, is_random=body.get("seed", 42) is None)

    def _body(self, text: str) -> dict[str, Any]:
        random = self.random
        text += random.choice(("", "", "", "", f" {BLOCKED}", f" {PARTLY_BLOCKED}"))
        body: dict[str, Any] = {"text": text}
        if random.random() < 0.6:
            body["number_of_images"] = random.randint(2, 4)
        if random.random() < 0.5:
            body["seed"] = random.choice((None, 0, 7, 2_147_483_646))
        if random.random() < 0.2:
            body["quality"] = "premium"
        if random.random() < 0.2:
            body["model"] = random.choice(MODELS)
        return body

    def _behaviour(self, client: Client) -> Callable[[], None]:
        random, order = self.random, client.order
        if order.caller == DIRECT:
            return client.direct
        if random.random() < 0.5:
            cancel_after = random.uniform(0, 60) if random.random() < 0.3 else None
            return partial(client.job, cancel_after, headers=self._headers(order))
        return partial(client.synchronous, headers=self._headers(order))

    def _headers(self, order: Order) -> dict[str, str]:
        if order.key is None and self.random.random() < 0.1:
            return {"cache_control": "no-cache"}
        return {}

    def _one(self, after: float) -> None:
        client = Client(self.api, self._order(), tries=self.random.choice((1, 2, 6)))
        start(client, self._behaviour(client), after)

    def _rivals(self, after: float) -> None:
        """Send the same request several times at once, by any door."""
        order = self._order()
        for _ in range(self.random.randint(2, 4)):
            client = Client(self.api, order, tries=self.random.choice((1, 6)))
            start(client, self._behaviour(client), after + self.random.choice((0, 0.05, 5, 40)) * self.random.random())

    def _both_doors(self, after: float) -> None:
        order = self._order(self.random.choice(CALLERS))
        job, now = Client(self.api, order), Client(self.api, order)
        start(job, job.job, after + self.random.uniform(0, 2))
        start(now, now.synchronous, after + self.random.uniform(0, 20))

    def _openai_twins(self, after: float) -> None:
        """Send two equal requests by clients that retry: each expects its own image."""
        first = self._order(self.random.choice(CALLERS))
        body = {"prompt": first.text, "n": self.random.randint(1, 2)}
        first.body, first.key, first.is_random = body, None, True
        second = self.api.order(f"{first.name}-twin", first.caller, body, is_random=True)
        for order in (first, second):
            client = Client(self.api, order, tries=3)
            start(client, client.openai, after + self.random.uniform(0, 3))

    def _changed_mind(self, after: float) -> None:
        """Use the same key for another request while the first runs, or after it ended or was cancelled."""
        first = self._order(self.random.choice(CALLERS))
        first.key = first.key or f"key-{self.number}"
        body = {**first.body, "text": f"{first.text} otherwise"}
        second = self.api.order(f"{first.name}-other", first.caller, body, first.key, is_random=first.is_random)
        one, other = Client(self.api, first), Client(self.api, second)
        start(one, self._behaviour(one), after)
        start(other, self._behaviour(other), after + self.random.choice((3, 60, 600)) * self.random.random())

    def _cancels_for_another(self, after: float) -> None:
        """Cancel a job, which may have made some images, and use its key for another request."""
        first = self._order(self.random.choice(CALLERS), number_of_images=4)
        first.key = first.key or f"key-{self.number}"
        body = {**first.body, "text": f"{first.text} otherwise"}
        second = self.api.order(f"{first.name}-other", first.caller, body, first.key, is_random=first.is_random)
        one, other = Client(self.api, first), Client(self.api, second)

        def act() -> None:
            one.job(cancel_after=self.random.uniform(2, 90), polls=0)
            other.synchronous()

        start(one, act, after)

    def _much_later(self, after: float) -> None:
        """Send the same request again, around the time when its record expires."""
        order = self._order()
        for wait in (0, self.random.choice((90, 600, 4000, 90_000))):
            client = Client(self.api, order, tries=3)
            start(client, self._behaviour(client), after + wait)

    def _deletes(self, after: float) -> None:
        order = self._order(self.random.choice(CALLERS))
        client = Client(self.api, order)

        def act() -> None:
            client.synchronous()
            client.delete_one()
            client.synchronous()

        start(client, act, after)
