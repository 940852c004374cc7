"""`make smoke` against the laptop stack."""

import os
import subprocess
from dataclasses import dataclass

from tests.e2e.laptop import PROJECT, Emulator, Stack


def test_it_passes_on_a_stack_that_works_and_pays_for_two_images(stack: Stack, emulator: Emulator) -> None:
    shown = smoke(stack.description["api_url"], stack.description["api_key"])
    assert shown.failed == [], shown.text
    assert shown.text.count("ok ") == 8
    assert sum(call["images"] for call in emulator.calls()) == 2


def test_it_shows_what_failed_and_what_to_do(stack: Stack, emulator: Emulator) -> None:
    emulator.configure(faults=[{"model": "*", "error": "AccessDeniedException", "rate": 1}])
    shown = smoke(stack.description["api_url"], stack.description["api_key"])
    stack.forget()
    assert {"an image", "its link", "a replay", "a job"} <= set(shown.failed)
    assert "usage" not in shown.failed
    assert "500 model_access_denied: " in shown.text


def test_it_says_what_it_needs() -> None:
    shown = smoke("", "")
    assert "make smoke API_URL=" in shown.text


@dataclass(frozen=True)
class Shown:
    text: str

    @property
    def failed(self) -> list[str]:
        lines = [line.split(maxsplit=1)[1] for line in self.text.splitlines() if line.startswith("FAILED")]
        return [line.partition(":")[0] for line in lines]


def smoke(url: str, key: str) -> Shown:
    command = ["make", "--no-print-directory", "smoke", f"API_URL={url}", f"API_KEY={key}"]
    ended = subprocess.run(  # noqa: S603 - our own command
        command,
        cwd=PROJECT,
        env=os.environ | {"no_proxy": "*"},
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    shown = Shown(ended.stdout + ended.stderr)
    assert bool(ended.returncode) == bool(shown.failed or not url), shown.text
    return shown
