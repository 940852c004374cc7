"""Starts, changes and stops the whole stack."""

import fcntl
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from local import bedrock, certificates, deployment, keys, ministack, net, studio
from local.console import say, step
from local.deployment import Deployed
from local.errors import StackError, with_tail
from local.gateway import Gateway
from local.places import Places, read_json, write_json, write_private
from local.processes import Process

SECONDS_BETWEEN_LOOKS = 0.5
MORE_MODELS = "MoreModels"


@dataclass(frozen=True)
class Options:
    """The options of `make up` and `make run`."""

    parameters: Mapping[str, str]
    bedrock: str = bedrock.EMULATOR
    studio: bool = False


@dataclass(frozen=True)
class Running:
    description: dict[str, Any]
    was_up: bool


def up(places: Places, options: Options) -> Running:
    deployment.check(options.parameters)
    places.make()
    with _stack_lock(places):
        was_up = _runs(places)
        return Running(_change(places, options) if was_up else _start(places, options), was_up)


def down(places: Places) -> None:
    places.make()
    with _stack_lock(places):
        say("The stack is down." if _stop(places) else "The stack is not up.")


def wait_until_down(places: Places) -> None:
    """Wait until another command stops this stack; redeployments do not end the wait."""
    ministack_id = ministack.process(places).id()
    while ministack_id is not None and ministack.process(places).id() == ministack_id:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    if ministack.process(places).id() is None and places.description.exists():
        raise with_tail("MiniStack ended by itself.", ministack.process(places).log)


def _change(places: Places, options: Options) -> dict[str, Any]:
    before = read_json(places.options) or {}
    if {**before, "studio": options.studio} == _record(options):
        return _change_page(places, options)
    return _renew(places, options)


def _start(places: Places, options: Options) -> dict[str, Any]:
    _stop(places)
    try:
        # Started first and awaited last, the studio adds no waiting time.
        page = _page(places, options, None)
        endpoint, model_calls = _start_services(places, options)
        return _release(places, options, endpoint, model_calls, net.port_of(_front(places)), page)
    except BaseException:
        _stop(places)
        raise


def _renew(places: Places, options: Options) -> dict[str, Any]:
    """Deploy to the running stack, which keeps its addresses and images."""
    running = described(places)
    endpoint = running["aws_endpoint_url"]
    model_calls = _changed_bedrock(places, options, running)
    with step("Building the functions"):
        deployment.build(places, ministack.runtime(), options.parameters)
    port = int(running["api_url"].removesuffix("/api").rpartition(":")[2])
    _front(places).stop()
    return _release(places, options, endpoint, model_calls, port, _page(places, options, running["studio_url"]))


def _change_page(places: Places, options: Options) -> dict[str, Any]:
    """Start or stop the studio, without a deployment."""
    running = described(places)
    runs = studio.process(places).id() is not None
    if runs == options.studio == bool(running["studio_url"]):
        say("The stack is up already, and nothing has changed.")
        return running
    address = _page(places, options, running["studio_url"])
    say(f"The stack is up already; the studio {'starts' if address else 'has stopped'}.")
    return _announce(places, options, running | {"studio_url": address})


def _page(places: Places, options: Options, address: str | None) -> str | None:
    """Return the address of the studio, started if necessary, or None if it is not wanted."""
    if options.studio and address and studio.process(places).id() is not None:
        return address
    studio.process(places).stop()
    return studio.start(places) if options.studio else None


def _start_services(places: Places, options: Options) -> tuple[str, str]:
    port = net.port_of(ministack.process(places))
    endpoint = net.url(port)
    with step("Starting MiniStack and building the functions"):
        ministack.start(places, port)
        model_calls = bedrock.start(places, options.bedrock, endpoint, _more_models(options))
        deployment.build(places, ministack.runtime(), options.parameters)
        ministack.wait(places, port)
        bedrock.wait(places, options.bedrock, model_calls)
    return endpoint, model_calls


def _changed_bedrock(places: Places, options: Options, running: Mapping[str, Any]) -> str:
    before = read_json(places.options) or {}
    had = before.get("parameters", {}).get(MORE_MODELS, "")
    if (before.get("bedrock"), had) == (options.bedrock, _more_models(options)):
        return str(running["bedrock_url"])
    bedrock.process(places).stop()
    address = bedrock.start(places, options.bedrock, running["aws_endpoint_url"], _more_models(options))
    bedrock.wait(places, options.bedrock, address)
    return address


def _more_models(options: Options) -> str:
    return options.parameters.get(MORE_MODELS, "")


def _release(  # noqa: PLR0913, PLR0917 - the results of the earlier steps
    places: Places, options: Options, endpoint: str, model_calls: str, port: int, page: str | None
) -> dict[str, Any]:
    with step("Deploying the template"):
        certificates.prepare(places)
        parameters = {
            "ApiBaseUrl": f"{net.url(port)}/api",
            "WebhookAuthorities": str(places.authority.absolute()),
            **options.parameters,
        }
        values = deployment.parameters(ministack.runtime(), model_calls, parameters)
        deployment.deploy(places, endpoint, values)
        deployed = deployment.describe(endpoint)
        api_key = keys.restore(places, endpoint, deployed)
        deployment.mend_scaling(endpoint, deployed)
        Gateway(deployed.definition).install(ministack.client("apigateway", endpoint), deployed.api_id, deployed.stage)
    with step("Waiting for the API to answer"):
        emulator = model_calls if options.bedrock == bedrock.EMULATOR else None
        _start_front(places, deployed, endpoint, port, emulator)
    description = _description(deployed, endpoint, model_calls, port) | {"api_key": api_key, "studio_url": page}
    preview = str(options.bedrock == bedrock.EMULATOR).lower()
    write_private(
        places.shell_variables,
        f"export API_URL={description['api_url']}\nexport API_KEY={description['api_key']}\n"
        f"export STUDIO_PREVIEW={preview}\n",
    )
    write_private(places.aws_variables, ministack.shell_variables(endpoint))
    return _announce(places, options, description)


def _announce(places: Places, options: Options, description: dict[str, Any]) -> dict[str, Any]:
    """Publish the description; other commands can use the stack from now on."""
    if description["studio_url"]:
        studio.wait(places, description["studio_url"])
    write_json(places.options, _record(options))
    write_json(places.description, description)
    return description


def _start_front(places: Places, deployed: Deployed, endpoint: str, port: int, emulator_url: str | None) -> None:
    config = {
        "port": port,
        "ministack_url": endpoint,
        "api_id": deployed.api_id,
        "bucket": deployed.outputs["BucketName"],
        "cors_origins": [origin for origin in deployed.parameters["CorsOrigins"].split(",") if origin],
        "definition": deployed.definition,
        "stack_name": deployment.STACK_NAME,
        "stage": deployed.stage,
        "emulator_url": emulator_url,
        "log_groups": [name for resource, name in deployed.resources.items() if resource.endswith("LogGroup")],
        "queue_urls": [deployed.outputs[name] for name in ("QueueUrl", "DeadLetterQueueUrl")],
    }
    write_json(places.front, config)
    _front(places).start([sys.executable, "-m", "local.front", str(places.root)], os.environ)
    net.wait_until_answers(f"{net.url(port)}/{deployed.stage}/health", _front(places))


def _description(deployed: Deployed, endpoint: str, model_calls: str, port: int) -> dict[str, Any]:
    return {
        "api_url": f"{net.url(port)}/{deployed.stage}",
        "bucket": deployed.outputs["BucketName"],
        "table": deployed.outputs.get("TableName"),
        "queue_url": deployed.outputs.get("QueueUrl"),
        "dead_letter_queue_url": deployed.outputs.get("DeadLetterQueueUrl"),
        "aws_endpoint_url": endpoint,
        "aws_access_key_id": ministack.ACCESS_KEY,
        "aws_secret_access_key": ministack.SECRET_KEY,
        "bedrock_url": model_calls,
        "region": ministack.REGION,
        "stack_name": deployment.STACK_NAME,
        "functions": dict(deployed.functions),
    }


def _record(options: Options) -> dict[str, Any]:
    return {**asdict(options), "source": deployment.source_digest()}


def described(places: Places) -> dict[str, Any]:
    description = read_json(places.description)
    if description is None:
        raise StackError("There is no running stack here; start it with `make up`.")
    return description


def _runs(places: Places) -> bool:
    options = read_json(places.options) or {}
    needed = [ministack.process(places), _front(places)]
    if options.get("bedrock") in (bedrock.EMULATOR, bedrock.AWS):
        needed.append(bedrock.process(places))
    return places.description.exists() and all(process.id() is not None for process in needed)


def _stop(places: Places) -> bool:
    processes = [studio.process(places), _front(places), bedrock.process(places), ministack.process(places)]
    anything = any(process.id() is not None for process in processes)
    for file in (places.description, places.shell_variables, places.aws_variables, places.options):
        file.unlink(missing_ok=True)
    for process in processes:
        process.stop()
    _empty(places)
    return anything


def _empty(places: Places) -> None:
    shutil.rmtree(places.scratch, ignore_errors=True)
    places.make()


def _front(places: Places) -> Process:
    return Process("front", places)


@contextmanager
def _stack_lock(places: Places) -> Iterator[None]:
    """Lock the stack: one command at a time changes it."""
    with (places.root / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StackError("Another command is starting or stopping this stack; wait for it.") from error
        yield
