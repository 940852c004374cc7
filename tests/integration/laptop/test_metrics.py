"""The laptop stack's stand-in for the metrics that AWS publishes by itself."""

import json
from collections.abc import Iterator

from local import metrics

LINE = {
    "_aws": {
        "Timestamp": 1,
        "CloudWatchMetrics": [
            {
                "Namespace": "Ours",
                "Dimensions": [["service"], ["service", "model"]],
                "Metrics": [{"Name": "Images", "Unit": "Count"}, {"Name": "Time", "Unit": "Seconds"}],
            }
        ],
    },
    "service": "dev",
    "model": "core",
    "Images": [1, 2],
    "Time": 0.5,
}


def entries(line: str) -> list[tuple[str, str, float, dict[str, str]]]:
    return [
        (namespace, each["MetricName"], each["Value"], {one["Name"]: one["Value"] for one in each["Dimensions"]})
        for namespace, each in metrics.embedded(line)
    ]


def test_a_line_gives_each_value_under_each_set_of_dimensions() -> None:
    service, model = {"service": "dev"}, {"service": "dev", "model": "core"}
    assert entries(json.dumps(LINE)) == [
        ("Ours", name, value, dimensions)
        for dimensions in (service, model)
        for name, value in (("Images", 1), ("Images", 2), ("Time", 0.5))
    ]


def test_other_lines_give_nothing() -> None:
    assert [entries(line) for line in ("", "START RequestId: 1", "[1]", "{}", '{"message": "_aws"}')] == [[]] * 5


def test_answers_are_counted_as_api_gateway_does_and_once() -> None:
    gateway = metrics.Gateway("dev", "api")
    gateway.count(200, 0.1)
    gateway.count(404, 0.2)
    gateway.count(503, 0.3)

    def values(name: str) -> Iterator[float]:
        return (each["Value"] for _, each in seen if each["MetricName"] == name)

    seen = list(gateway.new())
    assert list(values("Count")) == [1, 1, 1]
    assert list(values("4XXError")) == [0, 1, 0]
    assert list(values("5XXError")) == [0, 0, 1]
    assert list(values("Latency")) == [100, 200, 300]
    assert list(gateway.new()) == []
