"""What the API answers, typed."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from PIL import Image as Pillow

DOCUMENTED_FOLDER = "generated_images"
OVER = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True)
class Image:
    """One picture: its PNG, and what is known about it."""

    id: str
    caption: str
    model: str
    seed: int
    seed_index: int | None
    width: int
    height: int
    link: str | None
    bytes: bytes = field(repr=False)

    def image(self) -> Pillow.Image:
        picture = Pillow.open(io.BytesIO(self.bytes))
        picture.load()
        return picture

    @property
    def filename(self) -> str:
        return f"{self.id}.png"

    def save(self, folder: str | Path = DOCUMENTED_FOLDER) -> Path:
        """Writes `<id>.png` into the folder, which is made if it is missing."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        file = Path(folder) / self.filename
        file.write_bytes(self.bytes)
        return file


@dataclass(frozen=True)
class Missing:
    """A picture that was asked for and is not there: `status` is blocked, failed or deleted."""

    caption: str
    status: str
    reason: str
    seed: int | None


@dataclass(frozen=True)
class Warning:  # noqa: A001 - the API's own word
    code: str
    field: str | None
    detail: str


@dataclass(frozen=True)
class Generation:
    """A finished generation; `places` holds an entry for every picture asked for, in order."""

    id: str
    message: str
    model: str
    cost_usd: float
    places: tuple[Image | Missing, ...]
    warnings: tuple[Warning, ...]
    replayed: bool = False

    @property
    def images(self) -> tuple[Image, ...]:
        return tuple(place for place in self.places if isinstance(place, Image))

    @property
    def missing(self) -> tuple[Missing, ...]:
        return tuple(place for place in self.places if isinstance(place, Missing))

    def save(self, folder: str | Path = DOCUMENTED_FOLDER) -> list[Path]:
        return [image.save(folder) for image in self.images]


@dataclass(frozen=True)
class Job:
    """How a generation in the background is doing: queued, running, succeeded, failed or cancelled."""

    id: str
    status: str
    created_at: datetime | None = None
    attempts: int = 0
    result: Mapping[str, Any] | None = field(default=None, repr=False)
    problem: Mapping[str, Any] | None = None
    replayed: bool = False
    look_again_after: float | None = None

    @property
    def is_over(self) -> bool:
        return self.status in OVER


@dataclass(frozen=True)
class Model:
    id: str
    name: str
    lists: tuple[str, ...]
    price_usd: float
    state: str
    refused: str | None


def job(answer: Mapping[str, Any], look_again_after: float | None = None) -> Job:
    return Job(
        id=answer["id"],
        status=answer["status"],
        created_at=datetime.fromisoformat(answer["created_at"]),
        attempts=answer["attempts"],
        result=answer["result"],
        problem=answer["problem"],
        look_again_after=look_again_after,
    )


def model(facts: Mapping[str, Any]) -> Model:
    return Model(
        id=facts["id"],
        name=facts["name"],
        lists=tuple(facts["lists"]),
        price_usd=facts["price_usd"],
        state=facts["lifecycle"]["state"],
        refused=facts["refused"],
    )


def generation(answer: Mapping[str, Any], downloads: Mapping[str, bytes], *, replayed: bool) -> Generation:
    """`downloads` holds the PNGs by image id."""
    details = answer["details"]
    return Generation(
        id=answer["id"],
        message=answer["message"],
        model=answer["model"],
        cost_usd=answer["cost_usd"],
        places=tuple(_place(answer, downloads, number) for number in range(len(details))),
        warnings=tuple(Warning(each["code"], each["field"], each["detail"]) for each in answer["warnings"]),
        replayed=replayed,
    )


def _place(answer: Mapping[str, Any], downloads: Mapping[str, bytes], number: int) -> Image | Missing:
    detail = answer["details"][number]
    caption = f"Image {number + 1} of {len(answer['details'])}"
    if detail["status"] != "stored":
        reason = detail.get("reason") or "It was deleted."
        return Missing(caption, detail["status"], reason, detail.get("seed"))
    return Image(
        id=detail["id"],
        caption=caption,
        model=answer["model"],
        seed=detail["seed"],
        seed_index=detail.get("seed_index"),
        width=detail["width"],
        height=detail["height"],
        link=detail["link"],
        bytes=downloads[detail["id"]],
    )
