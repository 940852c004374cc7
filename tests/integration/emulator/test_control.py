"""The control endpoint."""

import io
import time

import pytest
from PIL import Image

from tests.integration.emulator.front_door import CORE, SD3_5, TITAN, Emulator, decoded, opened, smallest

DEFAULTS = {
    "latency_ms": 0,
    "retired": [],
    "faults": [],
    "rng_seed": None,
    "block": {},
    "native_size": None,
    "ready_pictures": False,
}
FULL = {
    "latency_ms": 5,
    "retired": [TITAN],
    "faults": [
        {"model": CORE, "error": "ThrottlingException", "times": 3},
        {"model": "*", "error": "drop", "rate": 0.3},
        {"model": "*", "error": "not_png", "message": "x"},
    ],
    "rng_seed": 1,
    "block": {"prompt_contains": "forbidden", "output_index": 1},
    "native_size": [640, 600],
    "ready_pictures": True,
}


def test_the_answer_is_the_current_configuration(emulator: Emulator) -> None:
    answer = emulator.configure(**FULL)
    assert (answer.status_code, answer.json()) == (200, FULL)
    assert emulator.http.get("/_control").json() == FULL


def test_defaults_are_filled_in(emulator: Emulator) -> None:
    assert emulator.configure().json() == DEFAULTS
    assert emulator.configure(latency_ms=3).json() == DEFAULTS | {"latency_ms": 3}


def test_a_configuration_is_replaced_as_a_whole(emulator: Emulator) -> None:
    emulator.configure(**FULL)
    assert emulator.configure(rng_seed=2).json() == DEFAULTS | {"rng_seed": 2}


def test_the_answer_can_be_posted_again(emulator: Emulator) -> None:
    assert emulator.http.post("/_control", json=DEFAULTS).json() == DEFAULTS


BAD = [
    ({"latency": 1}, "latency"),
    ({"faults": [{"model": "*", "error": "drop", "time": 1}]}, "faults.0.time"),
    ({"block": {"prompt": "x"}}, "block.prompt"),
    ({"latency_ms": "5"}, "latency_ms"),
    ({"latency_ms": 1.5}, "latency_ms"),
    ({"latency_ms": True}, "latency_ms"),
    ({"latency_ms": -1}, "latency_ms"),
    ({"latency_ms": 10**9}, "latency_ms"),
    ({"retired": CORE}, "retired"),
    ({"retired": [1]}, "retired.0"),
    ({"retired": ["stability.core"]}, "stability.core"),
    ({"faults": {}}, "faults"),
    ({"faults": ["drop"]}, "faults.0"),
    ({"faults": [{"model": "*"}]}, "faults.0.error"),
    ({"faults": [{"error": "drop"}]}, "faults.0.model"),
    ({"faults": [{"model": "*", "error": "Throttling"}]}, "Throttling"),
    ({"faults": [{"model": "titan", "error": "drop"}]}, "titan"),
    ({"faults": [{"model": "*", "error": "drop", "times": -1}]}, "faults.0.times"),
    ({"faults": [{"model": "*", "error": "drop", "times": 1.5}]}, "faults.0.times"),
    ({"faults": [{"model": "*", "error": "drop", "rate": 1.1}]}, "faults.0.rate"),
    ({"faults": [{"model": "*", "error": "drop", "rate": "0.5"}]}, "faults.0.rate"),
    ({"faults": [{"model": "*", "error": "drop", "message": 5}]}, "faults.0.message"),
    ({"rng_seed": "1"}, "rng_seed"),
    ({"rng_seed": 1.0}, "rng_seed"),
    ({"block": []}, "block"),
    ({"block": {"prompt_contains": 1}}, "block.prompt_contains"),
    ({"block": {"output_index": -1}}, "block.output_index"),
    ({"block": {"output_index": "1"}}, "block.output_index"),
    ({"ready_pictures": 1}, "ready_pictures"),
    ({"native_size": [640]}, "native_size"),
    ({"native_size": [640, 600, 1]}, "native_size"),
    ({"native_size": [0, 600]}, "native_size.0"),
    ({"native_size": [640.5, 600]}, "native_size.0"),
    ({"native_size": [640, 100_000]}, "native_size.1"),
    ({"native_size": "640x600"}, "native_size"),
]


@pytest.mark.parametrize(("configuration", "named"), BAD, ids=[str(configuration)[:60] for configuration, _ in BAD])
def test_an_invalid_configuration_is_named_and_changes_nothing(
    emulator: Emulator, configuration: dict[str, object], named: str
) -> None:
    emulator.configure(**FULL)
    answer = emulator.http.post("/_control", json=configuration)
    assert answer.status_code == 400
    assert named in answer.json()["message"]
    assert emulator.http.get("/_control").json() == FULL


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff"])
def test_a_configuration_is_a_json_object(emulator: Emulator, body: bytes) -> None:
    answer = emulator.http.post("/_control", content=body)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("body: ")


def test_a_posted_configuration_resets_the_counters(emulator: Emulator) -> None:
    configuration = {
        "faults": [{"model": "*", "error": "ThrottlingException", "times": 1}],
        "block": {"output_index": 0},
        "native_size": [64, 64],
    }
    for _ in range(2):
        emulator.configure(**configuration)
        assert emulator.post(CORE, b'{"prompt": "x"}').status_code == 429
        assert "images" not in emulator.invoke(CORE, {"prompt": "x"})
        assert "images" in emulator.invoke(CORE, {"prompt": "x"})


def test_calls_are_recorded_one_by_one(emulator: Emulator) -> None:
    before = time.time()
    emulator.configure(native_size=[64, 64])
    emulator.invoke(TITAN, smallest(TITAN, numberOfImages=2, seed=9))
    emulator.post(CORE, b"{}")
    emulator.invoke(CORE, {"prompt": "x", "seed": 4})
    calls = emulator.calls()
    assert all(before <= call.pop("at") <= time.time() for call in calls)
    assert calls == [
        {"model": TITAN, "status": 200, "images": 2, "seed": 9},
        {"model": CORE, "status": 400, "images": 0, "seed": None},
        {"model": CORE, "status": 200, "images": 1, "seed": 4},
    ]


def test_the_calls_survive_a_configuration_and_can_be_deleted(emulator: Emulator) -> None:
    emulator.post(CORE, b"{}")
    emulator.configure()
    assert len(emulator.calls()) == 1
    assert emulator.http.delete("/_control/calls").is_success
    assert emulator.calls() == []


def test_ready_pictures_are_painted_once_and_stay_files_of_their_own(emulator: Emulator) -> None:
    emulator.configure(native_size=[64, 64], ready_pictures=True)
    first, second = (decoded(emulator.invoke(CORE, {"prompt": "x", "seed": seed})["images"][0]) for seed in (1, 2))
    again = decoded(emulator.invoke(CORE, {"prompt": "x", "seed": 1})["images"][0])
    assert len({first, second, again}) == 3
    assert pixels(first) == pixels(second) == pixels(again)


def test_a_ready_picture_has_its_own_size_and_format(emulator: Emulator) -> None:
    emulator.configure(ready_pictures=True)
    small, large = (
        emulator.invoke(TITAN, smallest(TITAN, width=side, height=side))["images"][0] for side in (512, 768)
    )
    jpeg = emulator.invoke(SD3_5, {"prompt": "x", "output_format": "jpeg"})["images"][0]
    assert (opened(small).size, opened(large).size, opened(jpeg).format) == ((512, 512), (768, 768), "JPEG")


def pixels(png: bytes) -> bytes:
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        return image.tobytes()
