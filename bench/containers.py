"""Rows under the processor share that Lambda gives to a memory size."""

from contextlib import AbstractContextManager

from bench import cold, costs, warm
from bench.laptop import SITE_PACKAGES, Laptop
from bench.measure import Result, compared, interleaved
from bench.places import Container, container, serving
from bench.requests import FITTED, FOUR_FITTED, NATIVE, Kind, ask_handler

MODEL_MILLISECONDS = 3000
API_SIZES = (512, 1024, 1769, 3008)
AUTHORIZER_SIZES = (128, 256, 512)


def four_images(laptop: Laptop, runs: int) -> list[Result]:
    """Four images beside one, at the API function's own memory size."""
    memory = laptop.function("ApiFunction").memory
    with _container(laptop, memory) as place:
        return [_four_beside_one(laptop, place, runs, "n4-vs-n1-3s", memory)]


def _four_beside_one(laptop: Laptop, place: Container, runs: int, name: str, memory: int) -> Result:
    api = laptop.function("ApiFunction")
    laptop.configure()
    with serving(place, "handler.py", api.variables) as handler:

        def seconds(kind: Kind) -> float:
            return float(ask_handler(handler, laptop, api, kind)["seconds"])

        seconds(FOUR_FITTED)
        laptop.configure(latency_ms=MODEL_MILLISECONDS)
        pairs = interleaved(lambda: seconds(FOUR_FITTED), lambda: seconds(FITTED), runs)
        warm.require_billed(laptop, runs * (FOUR_FITTED.images + FITTED.images))
    return compared(name, pairs, memory=memory)


def memory_sizes(laptop: Laptop, runs: int) -> list[Result]:
    """Cold and warm, at each memory size; the authorizer at its own."""
    api = [result for memory in API_SIZES for result in _api_at(laptop, memory, runs)]
    authorizer = [_authorizer_at(laptop, memory, runs) for memory in AUTHORIZER_SIZES]
    return [*api, *authorizer, *costs.of_memory_sizes(api)]


def _api_at(laptop: Laptop, memory: int, runs: int) -> list[Result]:
    api = cold.of_function(laptop.function("ApiFunction"))
    with _container(laptop, memory) as place:
        start = cold.versus(f"cold-{memory}-mb", api, cold.of_baseline(laptop, "bare.py"), runs, place)
        first = cold.first_answer(laptop, runs, place, f"cold-first-answer-{memory}-mb")
        kinds = {"n1": NATIVE, "fit": FITTED, "fit-n4": FOUR_FITTED}
        return [start, first, *(_warm_at(laptop, place, memory, runs, *kind) for kind in kinds.items())]


def _warm_at(laptop: Laptop, place: Container, memory: int, runs: int, name: str, kind: Kind) -> Result:  # noqa: PLR0913, PLR0917 - a cell of a table
    laptop.configure()
    with warm.sides(laptop, kind, place) as both:
        both.warm_up()
        pairs = interleaved(both.subject, both.baseline, runs)
    return compared(f"warm-{name}-{memory}-mb", pairs, memory=memory)


def _authorizer_at(laptop: Laptop, memory: int, runs: int) -> Result:
    authorizer = cold.of_function(laptop.function("AuthorizerFunction"))
    baseline = cold.of_baseline(laptop, "only_boto3.py")
    with _container(laptop, memory) as place:
        return cold.versus(f"cold-authorizer-{memory}-mb", authorizer, baseline, runs, place)


def _container(laptop: Laptop, memory: int) -> AbstractContextManager[Container]:
    return container(memory, laptop.scratch, SITE_PACKAGES)
