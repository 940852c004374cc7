"""The command `text-to-image`, with a fake API at a real address."""

import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.studio_api import CORE, KEY, FakeApi, problem
from tests.interruptible import interruptible
from text_to_image import __version__, cli, connection, following

FOX = ("A fox in the snow", "-n", "4", "--size", "64x48", "-o", "out")


class Ran:
    """What a run of the command has printed, and its exit code."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err
        assert KEY not in out + err
        assert "Traceback" not in err

    @property
    def files(self) -> list[Path]:
        return [Path(line) for line in self.out.splitlines()]

    @property
    def key(self) -> str:
        (key,) = re.findall(r"add: --key (\S+)", self.err)
        return str(key)


Run = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BACKOFF", (0.0, 0.0, 0.0))
    monkeypatch.setattr(following, "POLL_SECONDS", 0.01)
    monkeypatch.delenv("STUDIO_PREVIEW", raising=False)


@pytest.fixture
def run(served_api: FakeApi, capsys: pytest.CaptureFixture[str]) -> Run:  # noqa: ARG001 - its address is in the environment
    def call(*arguments: str) -> Ran:
        code = cli.command(arguments)
        return Ran(code, *capsys.readouterr())

    return call


@pytest.fixture
def begin(served_api: FakeApi) -> Iterator[Callable[..., subprocess.Popen[str]]]:  # noqa: ARG001 - its address is in the environment
    """Start the command as a process of its own."""
    begun: list[subprocess.Popen[str]] = []

    def call(*arguments: str, **options: Any) -> subprocess.Popen[str]:  # noqa: ANN401 - Popen's
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE) | options
        with interruptible():
            begun.append(subprocess.Popen([PROGRAM, *arguments], text=True, **pipes))  # noqa: S603 - our own command
        return begun[-1]

    yield call
    for process in begun:
        with process:
            process.kill()


PROGRAM = str(Path(sys.executable).parent / "text-to-image")


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def downloads(api: FakeApi) -> int:
    return sum(request["path"].startswith("/pictures/") for request in api.requests)


def keys(api: FakeApi) -> list[str]:
    return [request["headers"]["idempotency-key"] for request in api.requests if request["method"] == "POST"]


def test_it_writes_the_images_and_says_what_they_cost(run: Run, served_api: FakeApi) -> None:
    served_api.warnings = [{"code": "model_fell_through", "field": "model", "detail": "Titan is retired."}]

    ran = run(*FOX, "--negative", "people", "--cfg-scale", "7.5", "--seed", "100")

    assert ran.code == 0
    assert [file.parent for file in ran.files] == [Path("out")] * 4
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in ran.files)
    assert sorted(Path("out").iterdir()) == sorted(ran.files)
    before, after = ran.err.splitlines()[0], ran.err.splitlines()[-2]
    assert before == "4 images · at most $0.16 · spent this month $1.20, $98.80 of $100.00 left"
    assert after == "4 images · $0.16 · stability.stable-image-core-v1:1 · seed 100, 101, 102, 103"
    assert ran.err.splitlines()[-1] == "Warning: Titan is retired."
    assert served_api.sent == [
        {
            "text": "A fox in the snow",
            "width": 64,
            "height": 48,
            "number_of_images": 4,
            "seed": 100,
            "negative_text": "people",
            "cfg_scale": 7.5,
        }
    ]


def test_without_a_terminal_it_prints_a_line_for_each_change(run: Run, served_api: FakeApi) -> None:
    served_api.seconds, served_api.made = 0.2, 2

    err = run(*FOX).err

    assert "0 of 4 · Sending the prompt\n" in err
    assert err.count("2 of 4 · Making the images\n") == 1
    assert "\r" not in err


@pytest.mark.parametrize(("word", "code", "jobs"), [("y", 0, 1), ("n", 2, 0), ("", 2, 0)])
def test_on_a_terminal_it_asks_and_draws_a_bar(
    begin: Callable[..., subprocess.Popen[str]], served_api: FakeApi, word: str, code: int, jobs: int
) -> None:
    ours, its = pty.openpty()
    with closing(os.fdopen(ours, "r+b", buffering=0)) as terminal:
        process = begin(*FOX, stdin=its, stderr=its)
        os.close(its)
        said = b""
        while b"[y/N]" not in said:
            said += terminal.read(1000)
        terminal.write(f"{word}\n".encode())
        while chunk := _read(terminal):
            said += chunk

    assert process.wait(20) == code
    assert (b"[########################] 4 of 4" in said) == (jobs == 1)
    assert (b"Nothing was sent." in said) == (jobs == 0)
    assert len(served_api.jobs) == jobs


def _read(terminal: Any) -> bytes:  # noqa: ANN401 - a file
    """Linux ends a terminal whose programs have gone with an error."""
    try:
        return bytes(terminal.read(1000))
    except OSError:
        return b""


@pytest.mark.parametrize(
    ("option", "preview"), [("--yes", ""), ("--quiet", ""), ("--max-cost=0.16", ""), ("--seed=1", "true")]
)
def test_it_asks_nothing_if_told_so_or_if_it_is_free(
    begin: Callable[..., subprocess.Popen[str]],
    served_api: FakeApi,
    monkeypatch: pytest.MonkeyPatch,
    option: str,
    preview: str,
) -> None:
    monkeypatch.setenv("STUDIO_PREVIEW", preview)
    ours, its = pty.openpty()
    with closing(os.fdopen(ours, "r+b", buffering=0)):
        process = begin(*FOX, option, stdin=its, stderr=its)
        os.close(its)
        assert process.wait(20) == 0
    assert len(served_api.jobs) == 1


@pytest.mark.parametrize(("most", "code"), [("0.15", 2), ("0.16", 0), ("$1", 0)])
def test_it_sends_nothing_that_may_cost_more(run: Run, served_api: FakeApi, most: str, code: int) -> None:
    ran = run(*FOX, "--max-cost", most)

    assert (ran.code, len(served_api.sent)) == (code, 0 if code else 1)
    assert ("may cost $0.16, more than --max-cost $0.15" in ran.err) == (code == 2)


@pytest.mark.parametrize(
    ("model", "price"), [("core", "$0.16"), (CORE, "$0.16"), ("titan", "$0.04"), ("of-the-future", "price unknown")]
)
def test_the_price_is_the_models(run: Run, model: str, price: str) -> None:
    assert run(*FOX, "--model", model).err.startswith(f"4 images · {price} · ")


def test_an_unknown_price_keeps_no_maximum(run: Run, served_api: FakeApi) -> None:
    ran = run(*FOX, "--quality", "premium", "--model", "of-the-future", "--max-cost", "9")

    assert (ran.code, served_api.sent) == (2, [])
    assert "price is not known" in ran.err


def test_the_same_key_pays_nothing_and_writes_what_is_missing(run: Run, served_api: FakeApi) -> None:
    first = run(*FOX)
    kept = {file: file.stat().st_mtime_ns for file in first.files[1:]}
    first.files[0].unlink()

    again = run(*FOX, "--key", first.key)

    assert (again.code, again.files) == (0, first.files)
    assert {file: file.stat().st_mtime_ns for file in first.files[1:]} == kept
    assert (len(served_api.jobs), downloads(served_api)) == (1, 5)
    assert set(keys(served_api)) == {first.key}
    assert "nothing charged again" in again.err
    assert "3 of them were in out already." in again.err


def test_a_damaged_file_is_replaced(run: Run) -> None:
    first = run(*FOX)
    whole = first.files[0].read_bytes()
    first.files[0].write_bytes(whole[:-9])

    run(*FOX, "--key", first.key)

    assert first.files[0].read_bytes() == whole


@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_is_resumed(
    begin: Callable[..., subprocess.Popen[str]], served_api: FakeApi, blow: signal.Signals
) -> None:
    served_api.held, served_api.made = "running", 2
    process = begin(*FOX)
    until(lambda: len(list(Path("out").glob("*.png"))) == 2)
    process.send_signal(blow)
    out, err = process.communicate(timeout=20)
    ran = Ran(process.returncode, out, err)

    served_api.held = None
    if blow == signal.SIGINT:
        assert ran.code == 130
        command = shlex.split(err.splitlines()[-1])
        assert command[1:] == ["--key", ran.key, *FOX]
    again = begin("--key", ran.key, *FOX)
    out, err = again.communicate(timeout=20)

    assert again.returncode == 0, err
    assert (len(served_api.jobs), downloads(served_api)) == (1, 4)
    assert len(Ran(0, out, err).files) == len(list(Path("out").iterdir())) == 4


def test_a_timeout_says_how_to_resume(run: Run, served_api: FakeApi) -> None:
    served_api.held = "queued"

    ran = run(*FOX, "--timeout", "0.2")

    assert ran.code == 1
    assert "not ready after" in ran.err
    assert f"--key {ran.key}" in ran.err.splitlines()[-1]


def test_a_lost_connection_says_how_to_resume(begin: Callable[..., subprocess.Popen[str]], served_api: FakeApi) -> None:
    served_api.held = "queued"
    process = begin(*FOX, "--key", "a key of mine")
    until(lambda: served_api.jobs)
    served_api.dead = True
    out, err = process.communicate(timeout=30)

    assert process.returncode == 1
    assert "cannot be reached" in Ran(1, out, err).err
    assert err.splitlines()[-1].endswith(shlex.join([*FOX, "--key", "a key of mine"]))


def test_an_unreachable_api_is_reported_once(run: Run, served_api: FakeApi) -> None:
    served_api.dead = True

    ran = run(*FOX)

    assert (ran.code, len(ran.err.splitlines())) == (1, 1)


def test_missing_images_are_named(run: Run, served_api: FakeApi) -> None:
    served_api.blocked = (1,)

    ran = run(*FOX)

    assert (ran.code, len(ran.files)) == (3, 3)
    assert "Image 2 of 4 is missing (blocked): The content filter withheld this image." in ran.err


@pytest.mark.parametrize(
    ("status", "code", "exits"),
    [(400, "content_blocked", 2), (402, "budget_exhausted", 2), (422, "key_reused", 2), (503, "model_unavailable", 1)],
)
def test_the_exit_code_tells_whether_to_try_again(
    run: Run, served_api: FakeApi, status: int, code: str, exits: int
) -> None:
    served_api.refusals = [(status, problem(status, code, "What happened."), {})] * 4

    ran = run(*FOX)

    assert ran.code == exits
    assert "What happened. (request id the-request-id)" in ran.err
    assert ("To resume, without" in ran.err) == (exits == 1)


def test_a_failed_job_is_not_resumed(run: Run, served_api: FakeApi) -> None:
    served_api.problem = problem(502, "model_error", "The model broke.")

    ran = run(*FOX)

    assert (ran.code, "To resume, without" in ran.err) == (1, False)


def test_refused_fields_are_named(run: Run, served_api: FakeApi) -> None:
    refusal = problem(400, "invalid_request", "Wrong.") | {"errors": [{"field": "width", "message": "too small"}]}
    served_api.refusals = [(400, refusal, {})]

    ran = run(*FOX)

    assert ran.code == 2
    assert "  width: too small" in ran.err


def test_json_tells_everything(run: Run, served_api: FakeApi) -> None:
    served_api.blocked = (3,)

    told = json.loads(run(*FOX, "--json", "--key", "k").out)

    assert (told["key"], told["cost_usd"], told["replayed"]) == ("k", 0.16, False)
    assert [image["seed"] for image in told["images"]] == [42, 43, 44]
    assert all(Path(image["file"]).stem == image["id"] for image in told["images"])
    assert told["missing"][0]["status"] == "blocked"


def test_an_error_is_json_too(run: Run, served_api: FakeApi) -> None:
    served_api.refusals = [(402, problem(402, "budget_exhausted", "Too much."), {})]

    told = json.loads(run(*FOX, "--json", "--key", "k").out)

    assert told == {
        "key": "k",
        "error": {"code": "budget_exhausted", "detail": "Too much.", "request_id": "the-request-id"},
    }


def test_a_refusal_of_its_own_is_json_too(run: Run) -> None:
    told = json.loads(run(*FOX, "--json", "--max-cost", "0.01").out)

    assert told["error"]["code"] == "refused"


def test_quiet_prints_paths_only(run: Run) -> None:
    ran = run(*FOX, "--quiet")

    assert (ran.code, ran.err, len(ran.files)) == (0, "", 4)


def test_previews_are_free(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_PREVIEW", "true")

    err = run(*FOX).err

    assert err.startswith("4 images · free: a preview")
    assert "free preview" in err.splitlines()[-1]


def test_a_prompt_comes_from_stdin(begin: Callable[..., subprocess.Popen[str]], served_api: FakeApi) -> None:
    process = begin("-", *FOX[1:])
    process.communicate("A fox,\nasleep\n", timeout=20)

    assert process.returncode == 0
    assert served_api.sent[0]["text"] == "A fox,\nasleep"


@pytest.mark.parametrize("prompt", ["models", "usage", "help", "--"])
def test_a_prompt_is_no_subcommand(run: Run, served_api: FakeApi, prompt: str) -> None:
    assert run("-o", "out", "--size", "64x48", "--", prompt).code == 0
    assert served_api.sent[0]["text"] == prompt


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("a", "b"),
        ("a", "-n", "0"),
        ("a", "-n", "many"),
        ("a", "--size", "big"),
        ("a", "--size", "64x64", "--width", "64"),
        ("a", "--seed", "-1"),
        ("a", "--format", "gif"),
        ("a", "--max-cost", "much"),
        ("a", "--cfg-scale", "nan"),
        ("a", "--timeout", "inf"),
        ("a", "--key", "schlüssel"),
        ("a", "--models"),
        ("a", "--qual", "premium"),
        ("--models", "--usage"),
    ],
)
def test_a_wrong_use_is_explained(run: Run, served_api: FakeApi, arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as raised:
        run(*arguments)

    assert (raised.value.code, served_api.requests) == (2, [])


@pytest.mark.parametrize("arguments", [("\udcff",), ("a", "--negative", "\udcff"), ("a", "--model", "\udcff")])
def test_what_is_no_text_is_refused(run: Run, served_api: FakeApi, arguments: tuple[str, ...]) -> None:
    ran = run(*arguments, "-o", "out")

    assert (ran.code, served_api.requests) == (2, [])
    assert "UTF-8" in ran.err


def test_a_folder_that_cannot_be_written_is_noticed_before_it_costs(run: Run, served_api: FakeApi) -> None:
    Path("out").write_text("a file")

    ran = run(*FOX)

    assert (ran.code, served_api.sent) == (2, [])
    assert "out" in ran.err


def test_missing_settings_are_named(run: Run, served_api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("API_KEY")

    ran = run(*FOX)

    assert (ran.code, served_api.requests) == (2, [])
    assert "API_KEY" in ran.err


def test_a_wrong_key_is_reported_before_it_costs(
    run: Run, served_api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "wrong")

    ran = run(*FOX)

    assert (ran.code, served_api.sent) == (2, [])
    assert "The API key is unknown." in ran.err
    assert "Check API_KEY and API_URL" in ran.err


def test_format_seed_and_quality_are_asked_for(run: Run, served_api: FakeApi) -> None:
    run(*FOX, "--format", "JPG", "--seed", "random", "--quality", "premium")

    sent = served_api.sent[0]
    assert (sent["output_format"], sent["seed"], sent["quality"]) == ("jpeg", None, "premium")


def test_the_reader_of_a_pipe_may_go(begin: Callable[..., subprocess.Popen[str]]) -> None:
    process = begin(*FOX)
    assert process.stdout is not None
    process.stdout.close()

    assert process.wait(20) == 0
    assert len(list(Path("out").iterdir())) == 4


def test_models_and_usage_are_shown(run: Run, served_api: FakeApi) -> None:
    served_api.titan = "end_of_life"

    models, usage = run("--models"), run("--usage")

    assert models.out.splitlines()[0] == "amazon.titan-image-generator-v2:0  $0.01  standard  Titan (retired)"
    assert usage.out == "2026-11: 30 images, spent this month $1.20, $98.80 of $100.00 left\n"
    assert json.loads(run("--usage", "--json").out)["images"] == 30
    assert json.loads(run("--models", "--json").out)[1]["price_usd"] == 0.04


@pytest.mark.parametrize("command", [[PROGRAM], [sys.executable, "-m", "text_to_image"]])
def test_it_tells_its_version(command: list[str]) -> None:
    told = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)  # noqa: S603 - our own command

    assert told.stdout == f"text-to-image {__version__}\n"
