"""What the command line takes."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from text_to_image.following import MAX_WAIT_SECONDS
from text_to_image.results import DOCUMENTED_FOLDER
from text_to_image.version import VERSION

EPILOG = """\
The API's address and key come from API_URL and API_KEY, in the environment or in .env.
Files are named after their images' ids. Their paths are written to stdout, all else to stderr.
The same command with the same --key pays nothing for what exists, and writes what is missing.

exit codes: 0 all images are there; 1 the service failed, and may succeed later; 2 wrong or refused: change something;
3 some images are missing, e.g. blocked by a filter; 130 interrupted
"""
_FORMATS = {"png": "png", "jpeg": "jpeg", "jpg": "jpeg", "webp": "webp"}


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.size and (options.width or options.height):
        parser.error("give --size, or --width and --height")
    width, height = options.size or (options.width or 1024, options.height or 1024)
    options.width, options.height = width, height
    if not (options.models or options.usage) and options.prompt is None:
        parser.error("a prompt is needed, or - to read it from stdin")
    if (options.models or options.usage) and options.prompt is not None:
        parser.error("--models and --usage take no prompt")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "text-to-image",
        description="Generate images with a text-to-image API of your own.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("prompt", nargs="?", help="what the images show; - reads it from stdin")
    parser.add_argument("--version", action="version", version=f"%(prog)s {VERSION}")
    _add_request(parser.add_argument_group("the images"))
    _add_money(parser.add_argument_group("money"))
    _add_output(parser.add_argument_group("output"))
    asked = parser.add_argument_group("instead of a prompt").add_mutually_exclusive_group()
    asked.add_argument(
        "--models", action="store_true", help="list the models and their prices for --size and --quality"
    )
    asked.add_argument("--usage", action="store_true", help="show what the key has spent this month")
    return parser


def _add_request(group: argparse._ArgumentGroup) -> None:
    group.add_argument("-n", "--number", type=_positive, default=1, metavar="N", help="how many (1)")
    group.add_argument("--size", type=_size, metavar="WxH", help="width and height, e.g. 1024x768")
    group.add_argument("--width", type=_positive, metavar="PIXELS", help="1024")
    group.add_argument("--height", type=_positive, metavar="PIXELS", help="1024")
    group.add_argument("--quality", choices=("standard", "premium"), default="standard")
    group.add_argument("--seed", type=_seed, default=42, help="a number (42), or random")
    group.add_argument("--negative", metavar="TEXT", help="what the images must not show")
    group.add_argument(
        "--cfg-scale", type=_amount, default=8.0, metavar="SCALE", help="how closely to follow the text (8)"
    )
    group.add_argument("--model", help="a model's id or alias; otherwise the first that lives")
    group.add_argument("--format", type=_format, default="png", metavar="FORMAT", help="png, jpeg or webp")


def _add_money(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--max-cost", type=_amount, metavar="USD", help="send nothing that may cost more")
    group.add_argument("-y", "--yes", action="store_true", help="do not ask on a terminal before it is charged")
    group.add_argument(
        "--key", type=_key, help="an idempotency key: resumes or repeats what it made, without paying again"
    )


def _add_output(group: argparse._ArgumentGroup) -> None:
    folder = Path(DOCUMENTED_FOLDER)
    group.add_argument(
        "-o", "--output", type=Path, default=folder, metavar="FOLDER", help=f"{DOCUMENTED_FOLDER} if left out"
    )
    group.add_argument(
        "--timeout", type=_amount, default=MAX_WAIT_SECONDS, metavar="SECONDS", help="how long to wait (900)"
    )
    group.add_argument("--json", action="store_true", help="write one JSON object to stdout, instead of paths")
    group.add_argument("-q", "--quiet", action="store_true", help="say nothing on stderr but errors; ask nothing")


def _size(text: str) -> tuple[int, int]:
    if not (sides := re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 1024x768")
    return int(sides[1]), int(sides[2])


def _positive(text: str) -> int:
    if not re.fullmatch(r"0*[1-9][0-9]{0,5}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no positive whole number")
    return int(text)


def _seed(text: str) -> int | None:
    if text == "random":
        return None
    if not re.fullmatch(r"[0-9]{1,10}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a seed nor the word random")
    return int(text)


def _amount(text: str) -> float:
    if not re.fullmatch(r"\d+(\.\d+)?|\.\d+", text.removeprefix("$")):
        raise argparse.ArgumentTypeError(f"{text!r} is no number")
    return float(text.removeprefix("$"))


def _key(text: str) -> str:
    if not re.fullmatch(r"[ -~]{1,255}", text):
        raise argparse.ArgumentTypeError("a key has 1 to 255 printable ASCII characters")
    return text


def _format(text: str) -> str:
    try:
        return _FORMATS[text.lower()]
    except KeyError:
        raise argparse.ArgumentTypeError(f"{text!r} is none of png, jpeg, webp") from None
