"""Prices and spend, in words."""

from __future__ import annotations

from collections.abc import Sequence

from studio.visit import Request
from text_to_image import prices
from text_to_image.prices import Price, dollars
from text_to_image.results import Model, Usage

PREVIEW = "Preview: drawn locally, nothing is charged"


def price(models: Sequence[Model], request: Request) -> Price | None:
    """Return the price of the most expensive model that may answer."""
    return prices.price(models, request["number_of_images"], request["quality"], request["model"])


def labelled(label: str, cost: Price | None, *, preview: bool) -> str:
    """Return a button's label with its price."""
    text = "free" if preview else str(cost or "price unknown")
    return f"{label} · {text}".replace("$", r"\$")


def month(usage: Usage) -> str:
    reserved = f" (and {dollars(usage.reserved_usd)} reserved)" if usage.reserved_usd else ""
    cap = ", no spending limit" if usage.cap_usd is None else f" of {dollars(usage.cap_usd)}"
    return f"This month {dollars(usage.spent_usd)}{reserved}{cap}"


def rise(before: Usage | None, after: Usage | None) -> float | None:
    """Return the spend between two readings, or None if it is not known."""
    if before is None or after is None or before.month != after.month:
        return None
    return max(0.0, after.spent_usd - before.spent_usd)


def after_failure(charged: float | None, *, preview: bool) -> str:
    if preview:
        return "Nothing is charged for previews."
    if charged is None:
        return "Whether it was charged is not known yet; this month's total will show it."
    return f"It was charged all the same: {dollars(charged)}." if charged else "Nothing was charged for it."
