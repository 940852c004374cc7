"""What goes wrong in a run, and when: drawn from its seed. Each kind of fault is there in some runs and absent in
others, so that none hides another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from imaging.models.catalog import MODELS

Fate = Literal["answered", "refused", "lost", "slow", "died before", "died after"]

SERVICES = ("table", "bucket", "queue", "bus", "model")
KINDS: Sequence[tuple[Fate, float]] = (
    ("refused", 1.0),
    ("lost", 1.0),
    ("slow", 0.5),
    ("died before", 0.3),
    ("died after", 0.5),
)
SEVERITIES = (0, 0.003, 0.01, 0.03, 0.1)

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


@dataclass(frozen=True)
class Period:
    start: float
    end: float
    rate: float = 1.0

    def covers(self, now: float) -> bool:
        return self.start <= now < self.end


@dataclass(frozen=True)
class Climate:
    """How one model does: when it throttles, is denied, too busy or retired, and how often a call goes wrong."""

    throttled: Sequence[Period]
    denied: Sequence[Period]
    busy: Sequence[Period]
    retired_from: float
    dropped: float
    failed: float
    unusable: float
    seconds: tuple[float, float]


@dataclass(frozen=True)
class Weather:
    """No faults occur from `calm_at` on."""

    calm_at: float
    rates: Mapping[str, Sequence[tuple[Fate, float]]]
    outages: Mapping[str, Sequence[Period]]
    climates: Mapping[str, Climate]
    duplicates: float
    lateness: float
    lost_messages: float
    index_lag: float

    def fate(self, service: str, now: float, random: Random) -> Fate:
        if now >= self.calm_at:
            return "answered"
        if any(outage.covers(now) for outage in self.outages[service]):
            return "refused"
        drawn = random.random()
        for kind, rate in self.rates[service]:
            drawn -= rate
            if drawn < 0:
                return kind
        return "answered"


def draw(random: Random, start: float, calm_at: float) -> Weather:
    severity = random.choice(SEVERITIES)
    kinds = [(kind, weight * severity) for kind, weight in KINDS if random.random() < 0.6]
    return Weather(
        calm_at,
        rates={service: kinds if random.random() < 0.6 else () for service in SERVICES},
        outages={service: _outages(random, start) if random.random() < 0.15 else () for service in SERVICES},
        climates={model: _climate(random, start, calm_at) for model in MODELS},
        duplicates=random.choice((0, 0.05, 0.3)),
        lateness=random.choice((0, 0.05, 0.3)),
        lost_messages=random.choice((0, 0, 0.05)),
        index_lag=random.choice((0, 0.2, 3.0)),
    )


def _outages(random: Random, start: float) -> Sequence[Period]:
    begin = start + random.uniform(0, 10 * MINUTE)
    return (Period(begin, begin + random.choice((5.0, 60.0, 20 * MINUTE))),)


def _climate(random: Random, start: float, calm_at: float) -> Climate:
    return Climate(
        throttled=_troubles(random, start, calm_at, 0.35),
        denied=_troubles(random, start, calm_at, 0.05),
        busy=_troubles(random, start, calm_at, 0.1),
        retired_from=random.choice((start, start + random.uniform(0, 10 * MINUTE)))
        if random.random() < 0.3
        else calm_at * 2,
        dropped=random.choice((0, 0, 0.05, 0.2)),
        failed=random.choice((0, 0, 0.05, 0.2)),
        unusable=random.choice((0, 0, 0.05)),
        seconds=random.choice(((2.0, 6.0), (5.0, 40.0), (20.0, 130.0))),
    )


def _troubles(random: Random, start: float, calm_at: float, likely: float) -> Sequence[Period]:
    if random.random() >= likely:
        return ()
    begin = start + random.choice((0, random.uniform(0, 5 * MINUTE)))
    length = random.choice((30.0, 10 * MINUTE, 2 * HOUR, calm_at - start))
    return (Period(begin, begin + length, random.choice((0.3, 0.9, 1.0))),)
