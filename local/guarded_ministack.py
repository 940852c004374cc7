"""`python -m local.guarded_ministack`: MiniStack behind the guard, in its own environment, with what it lacks.

- It takes API keys from the header x-api-key only. The template's API takes them from its authorizer, so here MiniStack
  checks the key that the authorizer returned, as API Gateway does with `ApiKeySourceType: AUTHORIZER`.
- Its gateway responses do not know what else the authorizer returned: `context.authorizer.<name>`.
- It waits for an integration as long as that takes.
- It takes the text "false" of a patch for true, so that a disabled key would go on working.
- It calls every error of a function `Runtime.HandlerError`. Lambda names its class, which state machines catch, so here
  the class is read from the traceback.
- It hands no function a client context (`local.client_context`).
- It does not know the condition key `kms:SigningAlgorithm`, which the template's roles need, so it would refuse every
  signature.
"""

import asyncio
import json
from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from ministack import app as ministack
from ministack.core import iam_actions
from ministack.services import apigateway_v1 as gateway
from ministack.services import lambda_svc

from local import client_context
from local.guard import Guarded, Request, came_through_the_front, is_image_link

AUTHORIZER_CONTEXT = "context.authorizer."
MOST_MILLISECONDS = 29_000

_authorized: ContextVar[Mapping[str, Any]] = ContextVar("_authorized", default=MappingProxyType({}))
# MiniStack has no settings for these.
_invoke_authorizer = gateway._invoke_authorizer_lambda  # noqa: SLF001
_invoke_function = gateway._invoke_lambda_proxy_v1  # noqa: SLF001
_mapped = gateway._gateway_request_value  # noqa: SLF001
_update_api_key = gateway._update_api_key  # noqa: SLF001
_execute = lambda_svc._execute_function_warm  # noqa: SLF001
_condition_keys = iam_actions.request_tag_context


async def _remember_policy(*arguments: Any) -> Any:  # noqa: ANN401 - MiniStack's untyped function
    result = await _invoke_authorizer(*arguments)
    _authorized.set(_policy(result))
    return result


def _policy(result: Any) -> Mapping[str, Any]:  # noqa: ANN401 - MiniStack's untyped result
    body = (result or {}).get("body")
    policy = json.loads(body) if isinstance(body, str | bytes) else body
    return policy if isinstance(policy, dict) else {}


def _map(source: str, request: Any) -> Any:  # noqa: ANN401 - as above
    if source.startswith(AUTHORIZER_CONTEXT):
        return _authorized.get().get("context", {}).get(source.removeprefix(AUTHORIZER_CONTEXT))
    return _mapped(source, request)


async def _invoke_in_time(integration: Mapping[str, Any], *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as above
    """The function continues after the time-out."""
    invocation = asyncio.create_task(_invoke_function(integration, *arguments, **options))
    milliseconds = integration.get("timeoutInMillis") or MOST_MILLISECONDS
    try:
        return await asyncio.wait_for(asyncio.shield(invocation), milliseconds / 1000)
    except TimeoutError:
        return gateway._gw_error("INTEGRATION_TIMEOUT", "Endpoint request timed out")  # noqa: SLF001 - as above


def _with_signing_algorithm(service: str, action: str, body: bytes, parameters: Any) -> Any:  # noqa: ANN401 - as above
    known = _condition_keys(service, action, body, parameters)
    return known | {"kms:SigningAlgorithm": json.loads(body)["SigningAlgorithm"]} if action == "kms:Sign" else known


def _update_key(key_id: str, data: dict[str, Any]) -> Any:  # noqa: ANN401 - MiniStack's untyped result
    for patch in data.get("patchOperations", ()):
        if patch.get("path") == "/enabled":
            patch["value"] = str(patch.get("value")).lower() == "true"
    return _update_api_key(key_id, data)


def _name_error(*arguments: Any) -> Any:  # noqa: ANN401 - MiniStack's untyped function
    result = _execute(*arguments)
    if result.get("error") and result["body"]["errorType"] == "Runtime.HandlerError":
        result["body"]["errorType"] = _class_of_error(result["log"])
    return result


def _class_of_error(log: str) -> str:
    """The class of the error in the last traceback; without one, the function's process has ended."""
    _, found, traceback = log.rpartition("Traceback (most recent call last):\n")
    lines = traceback.splitlines() if found else ()
    named = (line.partition(":")[0].rpartition(".")[2] for line in lines if not line.startswith(" "))
    return next(named, "Runtime.ExitError")


def _may_come_from_a_page(request: Request) -> bool:
    return came_through_the_front(request) or is_image_link(request)


def main() -> None:
    gateway._invoke_authorizer_lambda = _remember_policy  # noqa: SLF001 - as above
    gateway._api_key_from_request = lambda _: _authorized.get().get("usageIdentifierKey")  # noqa: SLF001 - as above
    gateway._gateway_request_value = _map  # noqa: SLF001 - as above
    gateway._invoke_lambda_proxy_v1 = _invoke_in_time  # noqa: SLF001 - as above
    iam_actions.request_tag_context = _with_signing_algorithm
    gateway._update_api_key = _update_key  # noqa: SLF001 - as above
    lambda_svc._execute_function_warm = _name_error  # noqa: SLF001 - as above
    client_context.patch()
    ministack.app = Guarded(ministack.app, _may_come_from_a_page)
    ministack.main()


if __name__ == "__main__":
    main()
