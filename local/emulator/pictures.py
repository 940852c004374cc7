"""The emulator's pictures: the same subject, the same bytes."""

import hashlib
import io
import json
import random
from dataclasses import asdict, dataclass

from PIL import Image

from local.emulator.order import Order


@dataclass(frozen=True)
class Subject:
    model: str
    order: Order
    index: int


def draw(subject: Subject) -> bytes:
    chance = random.Random(_digest(subject))  # noqa: S311 - no secret
    tile = Image.frombytes("RGB", (8, 8), chance.randbytes(192))
    picture = tile.resize((subject.order.width, subject.order.height), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    picture.save(file, subject.order.output_format)
    return file.getvalue()


def _digest(subject: Subject) -> bytes:
    return hashlib.sha256(json.dumps(asdict(subject), sort_keys=True).encode()).digest()
