"""Progress on stderr: a bar on a terminal, otherwise a line for each change."""

from __future__ import annotations

import shutil
from typing import TextIO

from text_to_image.following import Progress
from text_to_image.words import duration, reason, state_of

BAR = 24


class Display:
    def __init__(self, stream: TextIO, requested: int, *, quiet: bool = False) -> None:
        self._stream = stream
        self._requested = requested
        self._quiet = quiet
        self._on_terminal = stream.isatty()
        self._last = ""

    def say(self, text: str) -> None:
        """Print a line, unless `quiet`."""
        if not self._quiet:
            self.clear()
            print(text, file=self._stream, flush=True)

    def update(self, progress: Progress) -> None:
        if self._quiet:
            return
        made = len(progress.made)
        state = f"{made} of {self._requested} · " + ". ".join(
            filter(None, (state_of(progress), reason(progress).removesuffix(".")))
        )
        if self._on_terminal:
            self._draw(f"[{self._bar(made)}] {state} · {duration(progress.seconds)}")
        elif state != self._last:
            print(state, file=self._stream, flush=True)
        self._last = state

    def clear(self) -> None:
        if self._on_terminal and self._last:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._last = ""

    def _bar(self, made: int) -> str:
        done = BAR * made // max(1, self._requested)
        return "#" * done + "-" * (BAR - done)

    def _draw(self, line: str) -> None:
        self._stream.write(f"\r{line[: shutil.get_terminal_size().columns - 1]}\x1b[K")
        self._stream.flush()
