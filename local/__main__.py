"""python -m local up | down | run | key | invoke: the whole template on this machine, without an AWS account."""

import argparse
import shlex
import signal
import sys
from pathlib import Path

from examples.keys import add_caps, add_limits, entry_of, limits_of
from local import bedrock, deployment, keys, stack, variables
from local.console import say
from local.errors import StackError
from local.first_image import generate
from local.invoke import invoke, start_api
from local.next_steps import next_steps
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
    say(next_steps(stack.up(places, _stack_options(options)).description, "make down"))


def _down(places: Places, _: argparse.Namespace) -> None:
    stack.down(places)


def _key(places: Places, options: argparse.Namespace) -> None:
    description = stack.described(places)
    endpoint = description["aws_endpoint_url"]
    deployed, entry, limits = deployment.describe(endpoint), entry_of(options), limits_of(options)
    say(keys.create(places, endpoint, deployed, options.name, entry, limits))


def _invoke(places: Places, options: argparse.Namespace) -> None:
    sys.exit(invoke(places, options.event, options.function))


def _start_api(places: Places, options: argparse.Namespace) -> None:
    # SAM CLI gets the same Ctrl-C and stops its containers. It would inherit an ignored signal, but no handler.
    signal.signal(signal.SIGINT, lambda *_: None)
    sys.exit(start_api(places, options.port))


def _variables(_: Places, options: argparse.Namespace) -> None:
    say(variables.write(options.stack, options.file))


def _run(places: Places, options: argparse.Namespace) -> None:
    # A background job of a shell script starts with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    running = stack.up(places, _stack_options(options))
    try:
        _welcome(running, places, emulated=options.bedrock == bedrock.EMULATOR)
        stack.wait_until_down(places)
        say("\nAnother command has stopped the stack.")
    except BaseException as error:
        _leave(running, places)
        if not isinstance(error, KeyboardInterrupt):
            raise


def _welcome(running: stack.Running, places: Places, *, emulated: bool) -> None:
    generate(running.description, places, emulated=emulated)
    say(next_steps(running.description, "make down" if running.was_up else "Ctrl-C"))
    if running.was_up:
        say("\nThe stack was up before: Ctrl-C ends this command and leaves it running.")


def _leave(running: stack.Running, places: Places) -> None:
    """Only the command that started the stack stops it."""
    # A second Ctrl-C, or the one that make passes on, must not interrupt the shutdown.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    say("")
    if running.was_up:
        say("The stack stays up; `make down` stops it.")
    else:
        stack.down(places)


def _stack_options(options: argparse.Namespace) -> stack.Options:
    return stack.Options(parameters=dict(options.parameters), bedrock=options.bedrock, studio=options.studio)


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
    invocation = commands.add_parser("invoke")
    invocation.set_defaults(command=_invoke)
    invocation.add_argument("--event", type=Path, required=True, help="the file of the event")
    invocation.add_argument("--function", default="ApiFunction", help="its name in the template")
    api = commands.add_parser("start-api")
    api.set_defaults(command=_start_api)
    api.add_argument("--port", type=int, default=3000)
    written = commands.add_parser("variables")
    written.set_defaults(command=_variables)
    written.add_argument("--stack", default=deployment.STACK_NAME, help="the name of a stack on AWS")
    written.add_argument("--file", type=Path, default=Path("variables.json"))
    key = commands.add_parser("key")
    key.set_defaults(command=_key)
    key.add_argument("name", help="whose key it is")
    add_caps(key)
    add_limits(key)
    return parser.parse_args()


if __name__ == "__main__":
    main()
