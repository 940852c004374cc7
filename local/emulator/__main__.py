"""python -m local.emulator --port 8900 [--host 127.0.0.1] [--iam URL] [--profile ARN=MODEL]... [--more ARN=FAMILY]"""

import argparse
import asyncio
import signal
import sys

from local.emulator.app import Settings, serving
from local.emulator.models import FAMILIES, MODELS, Model, more


def main() -> None:
    options = _options()
    try:
        settings = Settings(options.iam, dict(options.profile), options.more)
        asyncio.run(_serve(settings, options.host, options.port))
    except OSError as error:
        sys.exit(f"The Bedrock emulator could not start: {error}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.emulator", description="Emulates InvokeModel.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="0 takes a free one")
    parser.add_argument("--iam", metavar="URL", help="ask here whether a signed call is allowed")
    parser.add_argument(
        "--profile",
        metavar="ARN=MODEL",
        type=_profile,
        action="append",
        default=[],
        help="an application inference profile and the model that it copies",
    )
    parser.add_argument(
        "--more",
        metavar="ARN=FAMILY,...",
        type=_more,
        default={},
        help=f"models beside the usual ones, each with one of the families {', '.join(FAMILIES)}",
    )
    return parser.parse_args()


def _more(option: str) -> dict[str, Model]:
    try:
        return more(dict(entry.rpartition("=")[::2] for entry in option.split(",") if entry))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _profile(option: str) -> tuple[str, str]:
    arn, _, model = option.partition("=")
    if model not in MODELS:
        raise argparse.ArgumentTypeError(f"{model!r} is none of {', '.join(MODELS)}")
    return arn, model


async def _serve(settings: Settings, host: str, port: int) -> None:
    stopped = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    async with serving(settings, host, port) as url:
        print(f"The Bedrock emulator listens on {url}", flush=True)  # noqa: T201 - the starting process waits for this line
        await stopped.wait()


if __name__ == "__main__":
    main()
