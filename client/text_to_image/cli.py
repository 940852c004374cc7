"""The command `text-to-image`."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import uuid
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from text_to_image.arguments import parsed
from text_to_image.client import Client
from text_to_image.configuration import is_preview
from text_to_image.errors import ImagesError, MayPass, Unauthorized, Unreachable, YouMustChange
from text_to_image.folder import Folder
from text_to_image.following import Progress
from text_to_image.prices import Price, dollars, price
from text_to_image.results import Generation, Image, Model, Usage
from text_to_image.terminal import Display
from text_to_image.words import counted

ALL, FAILED, REFUSED, SOME_MISSING, INTERRUPTED = 0, 1, 2, 3, 130


class Refused(Exception):
    """The command refuses by itself; nothing was sent."""


def main() -> None:
    sys.exit(command(sys.argv[1:]))


def command(arguments: Sequence[str]) -> int:
    """Return the exit code."""
    options = parsed(arguments)
    run = Run(options, arguments)
    try:
        return run.answer()
    except ImagesError as error:
        return run.failed(error)
    except Refused as error:
        run.tell_error("refused", str(error))
        return run.stopped(str(error), REFUSED)
    except OSError as error:
        why = f"{error.strerror or error}: {error.filename or 'a file'}"
        return run.stopped(why, FAILED if run.is_sent else REFUSED)
    except KeyboardInterrupt:
        return run.stopped("Interrupted." if run.is_sent else "Interrupted; nothing was sent.", INTERRUPTED)


class Run:
    """One run of the command. `is_sent` is whether the API may have received the request."""

    def __init__(self, options: Namespace, arguments: Sequence[str]) -> None:
        self.options = options
        self.arguments = arguments
        self.is_sent = False
        self.key = options.key or str(uuid.uuid4())
        self.display = Display(sys.stderr, options.number, quiet=options.quiet)
        self.folder = Folder(options.output, options.format)

    def answer(self) -> int:
        with Client(on_progress=self._progress) as client:
            if self.options.models:
                return self._show_models(client.models(*self._size_and_quality()))
            if self.options.usage:
                return self._show_usage(client.usage())
            text = self._prompt()
            self.folder.prepare()
            self._agree(client)
            return self._finish(self._generate(client, text))

    def failed(self, error: ImagesError) -> int:
        code = REFUSED if isinstance(error, YouMustChange) else FAILED
        lines = [
            str(error),
            *(f"  {field}: {message}" for field, message in error.errors if message not in error.detail),
        ]
        if isinstance(error, Unauthorized):
            lines.append("  Check API_KEY and API_URL, in the environment or in .env.")
        may_resume = isinstance(error, MayPass) and not error.job_is_over
        self.tell_error(error.code, error.detail, error.request_id)
        return self.stopped("\n".join(lines), code, may_resume=may_resume)

    def tell_error(self, code: str, detail: str, request_id: str | None = None) -> None:
        if self.options.json:
            _print_json({"key": self.key, "error": {"code": code, "detail": detail, "request_id": request_id}})

    def stopped(self, why: str, code: int, *, may_resume: bool = True) -> int:
        self.display.clear()
        print(f"text-to-image: {why}", file=sys.stderr)
        if self.is_sent and may_resume:
            print(f"To resume, without paying again for what was made, run\n  {self._resume()}", file=sys.stderr)
        return code

    def _resume(self) -> str:
        given = [] if self.options.key else ["--key", self.key]
        command = shlex.join([*_program(), *given, *self.arguments])
        return command + ("   (with the same text on stdin)" if self.options.prompt == "-" else "")

    def _size_and_quality(self) -> tuple[int, int, Any]:
        return self.options.width, self.options.height, self.options.quality

    def _prompt(self) -> str:
        try:
            text = sys.stdin.read().strip() if self.options.prompt == "-" else str(self.options.prompt)
            for each in (text, self.options.negative or "", self.options.model or ""):
                each.encode()
        except UnicodeError:
            raise Refused("The text is not UTF-8; nothing was sent.") from None
        return text

    def _agree(self, client: Client) -> None:
        """Say what it may cost, and ask if there is someone to ask."""
        cost = self._price(client)
        if self.options.max_cost is not None:
            _check(cost, self.options.max_cost)
        self.display.say(f"{counted(self.options.number)} · {self._cost(cost)} · {_month(_usage(client))}")
        if self.options.key:
            self.display.say("What this key has made already is not charged again.")
        else:
            self.display.say(f"To resume or repeat this without paying again, add: --key {self.key}")
        if self._asks() and not self._confirmed():
            raise Refused("Nothing was sent.")

    def _price(self, client: Client) -> Price | None:
        try:
            models = client.models(*self._size_and_quality())
        except (YouMustChange, Unreachable):
            raise
        except ImagesError:
            return None
        return price(models, self.options.number, self.options.quality, self.options.model)

    def _cost(self, cost: Price | None) -> str:
        if is_preview():
            return "free: a preview, drawn by the laptop's emulator"
        return "price unknown" if cost is None else str(cost)

    def _asks(self) -> bool:
        silent = self.options.yes or self.options.quiet or self.options.max_cost is not None or is_preview()
        return not silent and self.options.prompt != "-" and sys.stdin.isatty() and sys.stderr.isatty()

    def _confirmed(self) -> bool:
        print("Generate? [y/N] ", end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip().lower() in {"y", "yes"}

    def _generate(self, client: Client, text: str) -> Generation[Image]:
        options = self.options
        self.is_sent = True
        return client.generate(
            text,
            options.width,
            options.height,
            options.number,
            options.cfg_scale,
            options.seed,
            options.quality,
            negative_text=options.negative,
            model=options.model,
            output_format=options.format,
            idempotency_key=self.key,
            max_wait=options.timeout,
            stored=self.folder.stored,
        )

    def _progress(self, progress: Progress) -> None:
        """Write what was made since."""
        for image in progress.made.values():
            self.folder.keep(image)
        self.display.update(progress)

    def _finish(self, generation: Generation[Image]) -> int:
        self.display.clear()
        if self.options.json:
            _print_json(self._told(generation))
        else:
            _print_lines([str(self.folder.files[image.id]) for image in generation.images])
        self._summarise(generation)
        return SOME_MISSING if generation.missing else ALL

    def _summarise(self, generation: Generation[Image]) -> None:
        say = self.display.say
        seeds = ", ".join(dict.fromkeys(str(image.seed) for image in generation.images))
        cost = "made before, nothing charged again" if generation.replayed else dollars(generation.cost_usd)
        cost = "free preview" if is_preview() else cost
        say(f"{counted(len(generation.images))} · {cost} · {generation.model} · seed {seeds}")
        # Without a key, a laptop's stack has copied them there itself.
        if self.options.key and (known := len(generation.images) - self.folder.written):
            say(f"{known} of them {'was' if known == 1 else 'were'} in {self.options.output} already.")
        for missing in generation.missing:
            say(f"{missing.caption} is missing ({missing.status}): {missing.reason}")
        for warning in generation.warnings:
            say(f"Warning: {warning.detail}")

    def _told(self, generation: Generation[Image]) -> dict[str, Any]:
        facts = ("id", "seed", "seed_index", "width", "height", "model", "link")
        return {
            "id": generation.id,
            "key": self.key,
            "model": generation.model,
            "cost_usd": generation.cost_usd,
            "replayed": generation.replayed,
            "images": [
                {"file": str(self.folder.files[image.id])} | {name: getattr(image, name) for name in facts}
                for image in generation.images
            ],
            "missing": [asdict(missing) for missing in generation.missing],
            "warnings": [asdict(warning) for warning in generation.warnings],
        }

    def _show_models(self, models: Sequence[Model]) -> int:
        if self.options.json:
            _print_json([asdict(model) for model in models])
        else:
            _print_lines([_row(model) for model in models])
        return ALL

    def _show_usage(self, usage: Usage) -> int:
        if self.options.json:
            _print_json(asdict(usage))
        else:
            _print_lines([f"{usage.month}: {counted(usage.images)}, {_month(usage)}"])
        return ALL


def _check(cost: Price | None, most: float) -> None:
    if cost is None:
        raise Refused("The price is not known, so --max-cost cannot be kept; nothing was sent.")
    if cost.usd > most + 1e-9:
        raise Refused(f"It may cost {dollars(cost.usd)}, more than --max-cost {dollars(most)}; nothing was sent.")


def _usage(client: Client) -> Usage | None:
    try:
        return client.usage()
    except ImagesError:
        return None


def _month(usage: Usage | None) -> str:
    if usage is None:
        return "this month's spend is not known"
    spent = f"spent this month {dollars(usage.spent_usd)}"
    if usage.cap_usd is None:
        return f"{spent}, no limit"
    left = max(0.0, usage.cap_usd - usage.spent_usd - usage.reserved_usd)
    return f"{spent}, {dollars(left)} of {dollars(usage.cap_usd)} left"


def _row(model: Model) -> str:
    lists = ", ".join(model.lists) or "by name only"
    return "  ".join([model.id, dollars(model.price_usd), lists, model.name + (" (retired)" * model.is_retired)])


def _program() -> list[str]:
    """Return how this program was called, by its name if the shell finds it by that."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return ["python", "-m", "text_to_image"]
    found = shutil.which(called.name)
    return [called.name if found and Path(found).resolve() == called.resolve() else sys.argv[0]]


def _print_json(document: object) -> None:
    _print_lines([json.dumps(document, indent=1)])


def _print_lines(lines: Sequence[str]) -> None:
    """Print, even if the reader of a pipe has gone: the images are there."""
    try:
        for line in lines:
            print(line)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
