"""The API's answers as typed values."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from PIL import Image as Pillow

DOCUMENTED_FOLDER = "generated_images"
OVER = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True)
class Picture:
    """Facts about an image. `url` is presigned and expires; `link` is permanent and needs the key."""

    id: str
    caption: str
    model: str
    seed: int
    seed_index: int | None
    width: int
    height: int
    url: str | None = field(repr=False)
    link: str | None


@dataclass(frozen=True)
class Image(Picture):
    """A picture with its file."""

    bytes: bytes = field(repr=False)

    def image(self) -> Pillow.Image:
        """Return Pillow's image; Pillow comes with `pip install text-to-image-client[pillow]`."""
        from PIL import Image as Pillow  # noqa: PLC0415 - most programs need the file only

        picture = Pillow.open(io.BytesIO(self.bytes))
        picture.load()
        return picture

    @property
    def filename(self) -> str:
        return f"{self.id}.{_extension(self.bytes)}"

    def save(self, folder: str | Path = DOCUMENTED_FOLDER) -> Path:
        """Write `<id>.png` into the folder, created if it is missing; nobody sees half a file under that name."""
        file = Path(folder) / self.filename
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_name(f".{file.name}.part")
        unfinished.write_bytes(self.bytes)
        unfinished.replace(file)
        return file

    def without_bytes(self) -> Picture:
        return Picture(**{each.name: getattr(self, each.name) for each in fields(Picture)})


@dataclass(frozen=True)
class ListedPicture(Picture):
    """One picture of the gallery."""

    made_at: datetime
    generation_id: str
    cost_usd: float


@dataclass(frozen=True)
class Page:
    """One page of the gallery; `next_cursor` leads to the next, if there is one."""

    pictures: tuple[ListedPicture, ...]
    next_cursor: str | None


@dataclass(frozen=True)
class Missing:
    """A missing picture: `status` is blocked, failed or deleted."""

    caption: str
    status: str
    reason: str
    seed: int | None


@dataclass(frozen=True)
class Warning:  # noqa: A001 - the API's own word
    code: str
    field: str | None
    detail: str


Picture_co = TypeVar("Picture_co", bound=Picture, covariant=True)


@dataclass(frozen=True)
class Generation(Generic[Picture_co]):
    """A finished generation; `places` has an entry for every requested picture, in order."""

    id: str
    message: str
    model: str
    cost_usd: float
    places: tuple[Picture_co | Missing, ...]
    warnings: tuple[Warning, ...]
    replayed: bool = False

    @property
    def images(self) -> tuple[Picture_co, ...]:
        return tuple(place for place in self.places if not isinstance(place, Missing))

    @property
    def missing(self) -> tuple[Missing, ...]:
        return tuple(place for place in self.places if isinstance(place, Missing))

    def save(self: Generation[Image], folder: str | Path = DOCUMENTED_FOLDER) -> list[Path]:
        return [image.save(folder) for image in self.images]

    def without_bytes(self: Generation[Image]) -> Generation[Picture]:
        """Return the facts alone, which need little memory."""
        places = tuple(place if isinstance(place, Missing) else place.without_bytes() for place in self.places)
        return Generation(self.id, self.message, self.model, self.cost_usd, places, self.warnings, self.replayed)


@dataclass(frozen=True)
class Waiting:
    """Why a queued job waits, and when the API retries it, if known."""

    code: str
    detail: str
    retry_at: datetime | None


@dataclass(frozen=True)
class Job:
    """A job: queued, running, succeeded, failed or cancelled.

    `made` are the entries of the images that exist already, each with its `index`.
    """

    id: str
    status: str
    created_at: datetime | None = None
    attempts: int = 0
    requested: int = 1
    made: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    waiting: Waiting | None = None
    result: Mapping[str, Any] | None = field(default=None, repr=False)
    problem: Mapping[str, Any] | None = None
    replayed: bool = False
    retry_after: float | None = None
    output_format: str = "png"

    @property
    def is_over(self) -> bool:
        return self.status in OVER

    @property
    def has_images(self) -> bool:
        """Whether it made images; a cancelled job may have some of an earlier attempt."""
        return self.result is not None and any(entry["status"] == "stored" for entry in self.result["details"])


@dataclass(frozen=True)
class Model:
    id: str
    name: str
    lists: tuple[str, ...]
    price_usd: float
    state: str
    refused: str | None
    aliases: tuple[str, ...] = ()

    @property
    def is_retired(self) -> bool:
        return self.state == "end_of_life"


@dataclass(frozen=True)
class Usage:
    """The key's spend this month; `cap_usd` is None if there is no cap."""

    month: str
    spent_usd: float
    reserved_usd: float
    cap_usd: float | None
    images: int


def job(answer: Mapping[str, Any], output_format: str = "png", retry_after: float | None = None) -> Job:
    progress = answer.get("progress") or {}
    return Job(
        id=answer["id"],
        status=answer["status"],
        created_at=datetime.fromisoformat(answer["created_at"]),
        attempts=answer["attempts"],
        requested=progress.get("requested") or len((answer["result"] or {}).get("details", ())) or 1,
        made=tuple(progress.get("details") or ()),
        waiting=_waiting(answer.get("waiting")),
        result=answer["result"],
        problem=answer["problem"],
        retry_after=retry_after,
        output_format=output_format,
    )


def replayed_job(answer: Mapping[str, Any], output_format: str, *, replayed: bool) -> Job:
    """Return the finished job of a generation that the API answered at once."""
    return Job(
        id=answer["id"],
        status="succeeded",
        requested=len(answer["details"]),
        result=answer,
        replayed=replayed,
        output_format=output_format,
    )


def _waiting(waiting: Mapping[str, Any] | None) -> Waiting | None:
    if waiting is None:
        return None
    return Waiting(str(waiting.get("code")), str(waiting.get("detail")), _moment(waiting.get("retry_at")))


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def model(facts: Mapping[str, Any]) -> Model:
    return Model(
        id=facts["id"],
        name=facts["name"],
        lists=tuple(facts["lists"]),
        price_usd=facts["price_usd"],
        state=facts["lifecycle"]["state"],
        refused=facts["refused"],
        aliases=tuple(facts.get("aliases", ())),
    )


def usage(answer: Mapping[str, Any]) -> Usage:
    return Usage(**{each.name: answer[each.name] for each in fields(Usage)})


def page(answer: Mapping[str, Any]) -> Page:
    return Page(tuple(map(_listed, answer["images"])), answer["next_cursor"])


def _listed(entry: Mapping[str, Any]) -> ListedPicture:
    return ListedPicture(
        **_facts(entry, entry["caption"], entry["model"]),
        made_at=datetime.fromisoformat(entry["made_at"]),
        generation_id=entry["generation_id"],
        cost_usd=entry["cost_usd"],
    )


def _facts(entry: Mapping[str, Any], caption: str, model_id: str) -> dict[str, Any]:
    known = {name: entry.get(name) for name in ("id", "seed", "seed_index", "width", "height", "url", "link")}
    return {**known, "caption": caption, "model": model_id}


def image(entry: Mapping[str, Any], place: tuple[int, int], model_id: str, file: bytes) -> Image:
    """`place` is which of how many it is."""
    return Image(**_facts(entry, _caption(*place), model_id), bytes=file)


def _extension(file: bytes) -> str:
    """Return the format by the file's first bytes: if it cannot be converted, the API delivers a PNG."""
    if file.startswith(b"\xff\xd8"):
        return "jpg"
    return "webp" if file[8:12] == b"WEBP" else "png"


def _caption(number: int, requested: int) -> str:
    return f"Image {number + 1} of {requested}"


def generation(
    answer: Mapping[str, Any], downloads: Mapping[str, bytes], *, replayed: bool = False
) -> Generation[Image]:
    """`downloads` are the files by their images' ids."""
    return Generation(
        id=answer["id"],
        message=answer["message"],
        model=answer["model"],
        cost_usd=answer["cost_usd"],
        places=tuple(_place(answer, number, downloads) for number in range(len(answer["details"]))),
        warnings=tuple(
            Warning(warning["code"], warning.get("field"), warning["detail"]) for warning in answer["warnings"]
        ),
        replayed=replayed,
    )


def _place(answer: Mapping[str, Any], number: int, downloads: Mapping[str, bytes]) -> Image | Missing:
    entry = answer["details"][number]
    place = (number, len(answer["details"]))
    if entry["status"] != "stored":
        reason = entry.get("reason") or "It was deleted."
        return Missing(_caption(*place), entry["status"], reason, entry.get("seed"))
    return image(entry, place, answer["model"], downloads[entry["id"]])
