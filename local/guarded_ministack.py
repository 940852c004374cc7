"""`python -m local.guarded_ministack`: MiniStack behind the guard, in its own environment.

MiniStack takes API keys from the header x-api-key only. The template's API takes them from its authorizer, so here
MiniStack checks the key that the authorizer returned, as API Gateway does with `ApiKeySourceType: AUTHORIZER`.

It takes the text "false" of a patch for true, so that a disabled key would go on working, and it does not
know the condition key `kms:SigningAlgorithm`, which the template's roles need, so it would refuse every signature.
Here the one gets a truth value, and the other is among the request's condition keys.
"""

import json
from contextvars import ContextVar
from typing import Any

from ministack import app as ministack
from ministack.core import iam_actions
from ministack.services import apigateway_v1 as gateway

from local.guard import Guarded, Request, came_through_the_front, is_image_link

_authorized_key: ContextVar[str | None] = ContextVar("_authorized_key", default=None)
_update_api_key = gateway._update_api_key  # noqa: SLF001 - MiniStack has no setting for it
_invoke_authorizer = gateway._invoke_authorizer_lambda  # noqa: SLF001 - MiniStack has no setting for it
_condition_keys = iam_actions.request_tag_context


def _with_signing_algorithm(service: str, action: str, body: bytes, parameters: Any) -> Any:  # noqa: ANN401 - MiniStack's untyped function
    known = _condition_keys(service, action, body, parameters)
    return known | {"kms:SigningAlgorithm": json.loads(body)["SigningAlgorithm"]} if action == "kms:Sign" else known


async def _remember_key(*arguments: Any) -> Any:  # noqa: ANN401 - MiniStack's untyped function
    result = await _invoke_authorizer(*arguments)
    _authorized_key.set(_key(result))
    return result


def _key(result: Any) -> str | None:  # noqa: ANN401 - MiniStack's untyped result
    body = (result or {}).get("body")
    policy = json.loads(body) if isinstance(body, str | bytes) else body
    return policy.get("usageIdentifierKey") if isinstance(policy, dict) else None


def _update_key(key_id: str, data: dict[str, Any]) -> Any:  # noqa: ANN401 - MiniStack's untyped result
    for patch in data.get("patchOperations", ()):
        if patch.get("path") == "/enabled":
            patch["value"] = str(patch.get("value")).lower() == "true"
    return _update_api_key(key_id, data)


def _may_come_from_a_page(request: Request) -> bool:
    return came_through_the_front(request) or is_image_link(request)


def main() -> None:
    gateway._invoke_authorizer_lambda = _remember_key  # noqa: SLF001 - as above
    gateway._update_api_key = _update_key  # noqa: SLF001 - as above
    iam_actions.request_tag_context = _with_signing_algorithm
    gateway._api_key_from_request = lambda _: _authorized_key.get()  # noqa: SLF001 - as above
    ministack.app = Guarded(ministack.app, _may_come_from_a_page)
    ministack.main()


if __name__ == "__main__":
    main()
