"""New interpreters: until the handler can be called, and until the first answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.laptop import Function, Laptop, http_event
from bench.measure import Result, compared, interleaved
from bench.places import Place, Program, ThisMachine, running
from bench.requests import NATIVE, bare_request

WARM_UPS = 1


@dataclass(frozen=True)
class Start:
    """What is started, and which events it answers before the time ends."""

    program: str
    environment: Mapping[str, str]
    events: tuple[Any, ...] = ()


def of_function(function: Function, *events: object) -> Start:
    return Start("handler.py", function.variables, events)


def of_baseline(laptop: Laptop, program: str, *events: object) -> Start:
    return Start(program, {**laptop.baseline(), "MODEL_REGION": NATIVE.region}, events)


def cold_vs_boto3(laptop: Laptop, runs: int) -> list[Result]:
    api = of_function(laptop.function("ApiFunction"))
    return [versus("cold-vs-boto3", api, of_baseline(laptop, "bare.py"), runs)]


def cold_vs_fastapi(laptop: Laptop, runs: int) -> list[Result]:
    api = of_function(laptop.function("ApiFunction"))
    return [versus("cold-vs-fastapi", api, of_baseline(laptop, "fastapi_design.py"), runs)]


def cold_authorizer(laptop: Laptop, runs: int) -> list[Result]:
    authorizer = of_function(laptop.function("AuthorizerFunction"))
    return [versus("cold-authorizer", authorizer, of_baseline(laptop, "only_boto3.py"), runs)]


def cold_worker(laptop: Laptop, runs: int) -> list[Result]:
    worker = of_function(laptop.function("WorkerFunction"))
    return [versus("cold-worker-vs-boto3", worker, of_baseline(laptop, "bare.py"), runs)]


def versus(name: str, subject: Start, baseline: Start, runs: int, place: Place | None = None) -> Result:
    here = place or ThisMachine()
    with running(here, "spawn.py", {}) as spawner:
        for start in (subject, baseline) * WARM_UPS:
            started(spawner, start)
        pairs = interleaved(lambda: started(spawner, subject), lambda: started(spawner, baseline), runs)
    return compared(name, pairs)


def started(spawner: Program, start: Start) -> float:
    request = {"program": start.program, "environment": start.environment, "events": list(start.events)}
    return float(spawner.ask(request)["seconds"])


def first_answer(laptop: Laptop, runs: int, place: Place | None = None, name: str = "cold-first-answer") -> Result:
    """A new interpreter until the first answer, so that work that was only postponed counts as well."""
    laptop.configure()
    api = laptop.function("ApiFunction")

    def subject() -> float:
        event = http_event(api.variables["GATEWAY_TOKEN"], NATIVE.body(next(laptop.seeds)))
        return started(spawner, of_function(api, event))

    def baseline() -> float:
        return started(spawner, of_baseline(laptop, "bare.py", bare_request(laptop, NATIVE)))

    with running(place or ThisMachine(), "spawn.py", {}) as spawner:
        subject()
        baseline()
        return compared(name, interleaved(subject, baseline, runs))
