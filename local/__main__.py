"""python -m local up | down | run | key: the whole template on this machine, without AWS and without Docker."""

import argparse
import shlex
import signal
import sys
from pathlib import Path
from typing import Any

from local import bedrock, keys, stack
from local.console import say
from local.errors import StackError
from local.first_image import generate
from local.places import DEFAULT_STATE, Places


def main() -> None:
    options = _options()
    places = Places(options.state.resolve())
    try:
        options.command(places, options)
    except StackError as error:
        sys.exit(f"\n{error}")
    except KeyboardInterrupt:
        sys.exit("\nInterrupted.")


def _up(places: Places, options: argparse.Namespace) -> None:
    _show(stack.up(places, _order(options)), places)


def _down(places: Places, _: argparse.Namespace) -> None:
    stack.down(places)


def _key(places: Places, options: argparse.Namespace) -> None:
    description = stack.described(places)
    say(keys.create(description["aws_endpoint_url"], options.name))


def _run(places: Places, options: argparse.Namespace) -> None:
    # A script's background job inherits Ctrl-C as ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    description = stack.up(places, _order(options))
    try:
        _show(description, places)
        generate(description, places)
        say("\nThe stack stays up until Ctrl-C.")
        signal.pause()
    except KeyboardInterrupt:
        say("")
    finally:
        # A second Ctrl-C, or the one that make passes on, must not leave half of it running.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        stack.down(places)


def _order(options: argparse.Namespace) -> stack.Order:
    return stack.Order(parameters=dict(options.parameters), bedrock=options.bedrock, studio=options.studio)


def _show(description: dict[str, Any], places: Places) -> None:
    say(f"""
    API          {description["api_url"]}
    API key      {description["api_key"]}
    studio       {description["studio_url"] or "not started"}
    model calls  {description["bedrock_url"]}
    everything   {places.description}
    images       {places.images}""")


def _parameters(text: str) -> list[tuple[str, str]]:
    pairs = [word.partition("=") for word in shlex.split(text)]
    if not all(name and equals for name, equals, _ in pairs):
        raise argparse.ArgumentTypeError(f"write them as 'Name=Value Name=Value', not {text!r}")
    return [(name, value) for name, _, value in pairs]


def _bedrock(text: str) -> str:
    if text in (bedrock.EMULATOR, bedrock.AWS) or text.startswith(("http://", "https://")):
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is neither 'emulator' nor 'aws' nor an address")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("--state", type=Path, default=DEFAULT_STATE, help="the folder of this stack")
    commands = parser.add_subparsers(required=True)
    for name, command in (("up", _up), ("down", _down), ("run", _run)):
        subparser = commands.add_parser(name)
        subparser.set_defaults(command=command)
        subparser.add_argument("--parameters", type=_parameters, default=[], help="'Name=Value …' of the template")
        subparser.add_argument("--bedrock", type=_bedrock, default=bedrock.EMULATOR, help="emulator, aws or http://…")
        subparser.add_argument("--studio", action="store_true", help="the page too")
    key = commands.add_parser("key")
    key.set_defaults(command=_key)
    key.add_argument("name", help="whose key it is")
    return parser.parse_args()


if __name__ == "__main__":
    main()
