"""Prices and spend, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from studio.results import Model, Usage
from studio.visit import Request

PREVIEW = "Preview: drawn locally, nothing is charged"


@dataclass(frozen=True)
class Price:
    """`at_most` if the models that may answer have different prices."""

    usd: float
    at_most: bool = False

    def __str__(self) -> str:
        return f"{'at most ' if self.at_most else ''}{dollars(self.usd)}"


def price(models: Sequence[Model], request: Request) -> Price | None:
    """Return the price of the most expensive model that may answer."""
    asked = [
        model.price_usd
        for model in models
        if model.id == request["model"] or (not request["model"] and request["quality"] in model.lists)
    ]
    if not asked:
        return None
    return Price(max(asked) * request["number_of_images"], at_most=min(asked) != max(asked))


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


def counted(images: int) -> str:
    return f"{images} image{'' if images == 1 else 's'}"


def dollars(amount: float) -> str:
    text = f"{amount:.4f}".rstrip("0")
    whole, _, cents = text.partition(".")
    return f"${whole}.{cents.ljust(2, '0')}"
