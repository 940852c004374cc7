"""The endpoint for model calls: the emulator, real Bedrock with the developer's credentials, or another address."""

import os
import sys

from local import net
from local.places import Places
from local.processes import Process

EMULATOR = "emulator"
AWS = "aws"


def process(places: Places) -> Process:
    return Process("bedrock", places)


def start(places: Places, choice: str, ministack_url: str, more_models: str) -> str:
    """Start the endpoint and return its address. The emulator also has the models of the parameter MoreModels."""
    if choice not in (EMULATOR, AWS):
        return choice
    port = net.port_of(process(places))
    process(places).start([sys.executable, "-m", *_module(choice, port, ministack_url, more_models)], os.environ)
    return net.url(port)


def wait(places: Places, choice: str, address: str) -> None:
    if choice in (EMULATOR, AWS):
        path = "_control/calls" if choice == EMULATOR else "health"
        net.wait_until_answers(f"{address}/{path}", process(places))


def _module(choice: str, port: int, ministack_url: str, more_models: str) -> list[str]:
    if choice == AWS:
        return ["local.forward", "--port", str(port)]
    return ["local.emulator", "--port", str(port), "--iam", ministack_url, "--more", more_models]
