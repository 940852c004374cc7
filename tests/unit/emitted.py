"""Metrics in the lines that functions write to their log (CloudWatch's embedded metric format)."""

import json


def values(lines: str, name: str) -> list[float]:
    """The values of a metric, in order."""
    records = [json.loads(line) for line in lines.splitlines() if line.startswith('{"_aws"')]
    return [value for record in records for value in record.get(name, [])]
