"""What a generation may cost, before it is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from text_to_image.results import Model


@dataclass(frozen=True)
class Price:
    """`at_most` if the models that may answer have different prices."""

    usd: float
    at_most: bool = False

    def __str__(self) -> str:
        return f"{'at most ' if self.at_most else ''}{dollars(self.usd)}"


def price(models: Sequence[Model], number_of_images: int, quality: str, model: str | None = None) -> Price | None:
    """Return the price of the most expensive model that may answer; `models` are priced for this quality and size."""
    asked = [each.price_usd for each in models if (_is(each, model) if model else quality in each.lists)]
    if not asked:
        return None
    return Price(max(asked) * number_of_images, at_most=min(asked) != max(asked))


def _is(model: Model, name: str) -> bool:
    return name == model.id or name in model.aliases


def dollars(amount: float) -> str:
    text = f"{amount:.4f}".rstrip("0")
    whole, _, cents = text.partition(".")
    return f"${whole}.{cents.ljust(2, '0')}"
