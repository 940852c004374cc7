"""A fake model that answers from a queue and records its calls."""

import base64
import io
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from PIL import Image

from aws.bedrock import Answer, BedrockError, SecondsLeft


@cache
def png(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "navy").save(buffer, "PNG")
    return buffer.getvalue()


@cache
def base64_png(width: int, height: int) -> str:
    return base64.b64encode(png(width, height)).decode()


@dataclass(frozen=True)
class Call:
    model: str
    region: str
    body: Mapping[str, Any]


@dataclass
class FakeBedrock:
    """Answers each call with the next thing in its queue; when that is empty, with what is set for a one-image
    call's seed, or the way a healthy model would. `ratio_size` is what models asked by ratio return instead
    of `pixels` millions of them; `meanwhile` is what happens during the next calls, one thing each."""

    queue: deque[Mapping[str, Any] | BedrockError] = field(default_factory=deque)
    ratio_size: tuple[int, int] | None = None
    pixels: float = 1.5
    by_seed: dict[int, Mapping[str, Any] | BedrockError] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    meanwhile: deque[Callable[[], object]] = field(default_factory=deque)

    def enqueue(self, *answers: Mapping[str, Any] | BedrockError) -> None:
        self.queue.extend(answers)

    def refuse(self, code: str, message: str = "", times: int = 1) -> None:
        self.enqueue(*[BedrockError(code, message)] * times)

    def __call__(self, model: str, region: str, body: Mapping[str, Any], seconds_left: SecondsLeft) -> Answer:
        assert seconds_left() > 0
        self.calls.append(Call(model, region, body))
        if self.meanwhile:
            self.meanwhile.popleft()()
        answer = self.queue.popleft() if self.queue else self.by_seed.get(body.get("seed", -1)) or self._healthy(body)
        if isinstance(answer, BedrockError):
            raise answer
        guardrail = "guardrail1" if answer.get("amazon-bedrock-guardrailAction") == "INTERVENED" else None
        return Answer(answer, f"request-{len(self.calls)}", guardrail)

    def _healthy(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        if config := body.get("imageGenerationConfig"):
            image = base64_png(config["width"], config["height"])
            return {"images": [image] * config["numberOfImages"], "error": None}
        image = base64_png(*self.ratio_size or _megapixels(body["aspect_ratio"], self.pixels))
        return {"images": [image], "seeds": [body["seed"]], "finish_reasons": [None]}


def _megapixels(ratio: str, megapixels: float) -> tuple[int, int]:
    across, down = map(int, ratio.split(":"))
    scale = (megapixels * 1024 * 1024 / (across * down)) ** 0.5
    return int(across * scale) // 64 * 64, int(down * scale) // 64 * 64
