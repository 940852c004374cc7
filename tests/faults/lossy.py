"""A proxy before MiniStack that loses answers of requests that were executed."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from tests.fakes.forwarding import Exchange, Proxy, running


@dataclass
class LossyProxy(Proxy):
    """Loses that share of all answers; `lost` counts them by the AWS action or the HTTP method."""

    rate: float = 0
    chance: random.Random = field(default_factory=random.Random)
    lost: Counter[str] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def delivers(self, exchange: Exchange) -> bool:
        with self._lock:
            is_lost = self.chance.random() < self.rate
            self.lost[exchange.action] += is_lost
        return not is_lost


@contextmanager
def lossy(target: str, rate: float, seed: int) -> Iterator[LossyProxy]:
    """A proxy on a loopback port of its own, for as long as the context lasts."""
    chance = random.Random(seed)  # noqa: S311 - faults that can be repeated
    with running(LossyProxy(target, rate=rate, chance=chance)) as proxy:
        yield proxy
