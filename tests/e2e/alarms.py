"""The alarms of a stack, and whether they go off."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import ge, gt, lt
from typing import Any

from tests.e2e.laptop import Stack

IS_BREACHED = {"GreaterThanThreshold": gt, "GreaterThanOrEqualToThreshold": ge, "LessThanThreshold": lt}


@dataclass(frozen=True)
class Alarms:
    stack: Stack

    def alarms(self) -> Mapping[str, Mapping[str, Any]]:
        """The alarms by what follows the stack's name."""
        found = self.stack.client("cloudwatch").describe_alarms()["MetricAlarms"]
        return {alarm["AlarmName"].removeprefix(f"{self.stack.description['stack_name']}-"): alarm for alarm in found}

    def value(self, alarm: Mapping[str, Any]) -> float | None:
        """The metric under exactly the alarm's name and dimensions, over the alarm's period; None without data."""
        statistic = alarm.get("ExtendedStatistic") or alarm["Statistic"]
        kind = "ExtendedStatistics" if "ExtendedStatistic" in alarm else "Statistics"
        now = datetime.now(UTC) + timedelta(seconds=1)
        # One period that holds all of the alarm's.
        period = 86_400
        points = self.stack.client("cloudwatch").get_metric_statistics(
            Namespace=alarm["Namespace"],
            MetricName=alarm["MetricName"],
            Dimensions=alarm["Dimensions"],
            StartTime=now - timedelta(seconds=period),
            EndTime=now,
            Period=period,
            **{kind: [statistic]},
        )["Datapoints"]
        values = [point.get(statistic) or point.get("ExtendedStatistics", {}).get(statistic, 0.0) for point in points]
        return max(values) if values else None

    def goes_off(self, name: str) -> bool:
        alarm = self.alarms()[name]
        value = self.value(alarm)
        is_breached = value is not None and IS_BREACHED[alarm["ComparisonOperator"]](value, alarm["Threshold"])
        return is_breached and alarm["StateValue"] == "ALARM"
