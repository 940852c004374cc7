"""Amounts of money: whole micro-dollars inside, US dollars where they come in and go out."""

from decimal import Decimal

MICROS_PER_USD = 1_000_000


def micros(usd: float | Decimal) -> int:
    """The nearest whole number of micro-dollars. Raises ValueError or OverflowError for what is no number."""
    return round(usd * MICROS_PER_USD)


def usd(micros: int) -> float:
    return micros / MICROS_PER_USD
