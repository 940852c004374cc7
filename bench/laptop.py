"""The laptop stack as the benchmarks use it, and programs with a function's package, variables and role."""

import json
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from bench.places import remove, unpacked
from local import deployment, ministack, roles, stack
from local.places import PROJECT, VENVS, Places

# Every cap is on, so that its condition is measured too.
PARAMETERS = {"MonthlyBudgetUsd": "1000000", "MonthlyBudgetPerKeyUsd": "1000000", "OpenJobsPerKey": "1000000"}
SITE_PACKAGES = next((VENVS / "bench" / "lib").glob("python*/site-packages"), VENVS / "bench")


@dataclass(frozen=True)
class Function:
    """A built function: where its package is unpacked, and how it was deployed."""

    package: Path
    handler: str
    memory: int
    variables: Mapping[str, str]


@dataclass
class Laptop:
    description: Mapping[str, Any]
    scratch: Path
    http: httpx.Client
    seeds: Iterator[int] = field(default_factory=lambda: count(uuid.uuid4().int % 1_000_000_000, 4))

    def client(self, service: str) -> Any:  # noqa: ANN401 - any service's client
        return ministack.client(service, self.description["aws_endpoint_url"])

    def configure(self, **configuration: object) -> None:
        """Set the emulator up; every picture is ready after the first of its kind."""
        settings = {"ready_pictures": True, **configuration}
        self.http.post(f"{self.description['bedrock_url']}/_control", json=settings).raise_for_status()
        self.http.delete(f"{self.description['bedrock_url']}/_control/calls").raise_for_status()

    def billed(self) -> int:
        """Images that the emulator billed since it was configured."""
        calls = self.http.get(f"{self.description['bedrock_url']}/_control/calls").json()
        return sum(call["images"] for call in calls)

    def function(self, logical_id: str) -> Function:
        package = self.scratch / logical_id
        if not package.exists():
            unpacked(deployment.BUILD / logical_id, package)
        deployed = self._deployed(logical_id)
        return Function(package, deployed["Handler"], deployed["MemorySize"], self._variables(deployed, package))

    def _deployed(self, logical_id: str) -> Mapping[str, Any]:
        name = self.description["functions"][logical_id]
        configuration: Mapping[str, Any] = self.client("lambda").get_function_configuration(FunctionName=name)
        return configuration

    def _variables(self, deployed: Mapping[str, Any], package: Path) -> dict[str, str]:
        """A function's environment, as Lambda sets it."""
        return {
            **deployed["Environment"]["Variables"],
            **self._aws(deployed["Role"]),
            "_HANDLER": deployed["Handler"],
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(deployed["MemorySize"]),
            "AWS_LAMBDA_FUNCTION_NAME": deployed["FunctionName"],
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            "AWS_LAMBDA_LOG_LEVEL": "INFO",
            "LAMBDA_TASK_ROOT": str(package),
            "PYTHONPATH": str(package),
        }

    def _aws(self, role: str) -> dict[str, str]:
        return self._credentials(role) | {
            "AWS_REGION": self.description["region"],
            "AWS_DEFAULT_REGION": self.description["region"],
            "AWS_ENDPOINT_URL": self.description["aws_endpoint_url"],
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": self.description["bedrock_url"],
        }

    def _credentials(self, role: str) -> dict[str, str]:
        if role not in self._of_role:
            self._of_role[role] = roles.credentials(self.client("lambda"), role)
        return self._of_role[role]

    @cached_property
    def _of_role(self) -> dict[str, dict[str, str]]:
        return {}

    def baseline(self) -> dict[str, str]:
        """The variables of what is compared: the API's role, and packages as pip leaves them."""
        api = self.function("ApiFunction")
        kept = {name: value for name, value in api.variables.items() if name.startswith("AWS_")}
        return {**kept, "BUCKET_NAME": self.description["bucket"], "PYTHONPATH": str(SITE_PACKAGES)}


@contextmanager
def laptop(state: Path) -> Iterator[Laptop]:
    """The stack in this folder: one that is up is used and left up."""
    places = Places(state.resolve())
    started = stack.up(places, stack.Options(parameters=PARAMETERS))
    try:
        with attached(places) as connected:
            yield connected
    finally:
        if not started.was_up:
            stack.down(places)


@contextmanager
def attached(places: Places) -> Iterator[Laptop]:
    """The stack that runs in this folder, as it is."""
    scratch = Path(tempfile.mkdtemp(prefix="bench-", dir=places.scratch))
    try:
        with httpx.Client(trust_env=False, timeout=120) as http:
            yield Laptop(stack.described(places), scratch, http)
    finally:
        remove(scratch)


def http_event(token: str, body: Mapping[str, object], **headers: str) -> dict[str, Any]:
    """API Gateway's event for POST /generate."""
    event: dict[str, Any] = json.loads((PROJECT / "events" / "api-gateway.json").read_text())
    event["requestContext"]["authorizer"]["gateway_token"] = token
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    event["headers"] |= named
    event["multiValueHeaders"] |= {name: [value] for name, value in named.items()}
    event["body"] = json.dumps(body)
    return event
