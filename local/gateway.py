"""The settings of API Gateway in the translated template that MiniStack ignores."""

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

DEFAULT_TEMPLATE = '{"message":$context.error.messageString}'

_HEADER = "gatewayresponse.header."
_VARIABLE = re.compile(r"\$context\.([A-Za-z.]*[A-Za-z])")


@dataclass(frozen=True)
class Answer:
    """A gateway response, filled in for one request."""

    status: int
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True)
class Gateway:
    definition: Mapping[str, Any]

    def install(self, apigateway: Any, api_id: str, stage: str) -> None:  # noqa: ANN401 - an untyped client
        """Install the gateway responses, and deploy: MiniStack does not read them where SAM writes them."""
        for name, response in self._responses.items():
            apigateway.put_gateway_response(restApiId=api_id, responseType=name, **response)
        apigateway.create_deployment(restApiId=api_id, stageName=stage)

    def answer(self, kind: str, status: int, message: str) -> Answer:
        """Return the template's gateway response; `status` is the default for a response without one."""
        response = self._response(kind, status)
        context = {
            "error.message": message,
            "error.messageString": json.dumps(message),
            "error.responseType": kind,
            "requestId": str(uuid.uuid4()),
        }
        template = response.get("responseTemplates", {}).get("application/json", DEFAULT_TEMPLATE)
        return Answer(int(response.get("statusCode", status)), _headers(response, context), _filled(template, context))

    def _response(self, kind: str, status: int) -> Mapping[str, Any]:
        family = self._responses.get(f"DEFAULT_{status // 100}XX", {})
        # A type without a response of its own takes the body of DEFAULT_4XX or DEFAULT_5XX, with its own status.
        inherited = {name: value for name, value in family.items() if name != "statusCode"}
        response: Mapping[str, Any] = self._responses.get(kind, inherited)
        return response

    @property
    def _responses(self) -> Mapping[str, Any]:
        responses: Mapping[str, Any] = self.definition.get("x-amazon-apigateway-gateway-responses", {})
        return responses


def _headers(response: Mapping[str, Any], context: Mapping[str, str]) -> dict[str, str]:
    sources: Mapping[str, str] = response.get("responseParameters", {})
    headers = {"Content-Type": "application/json"}
    return headers | dict(_mapped(sources, context))


def _mapped(sources: Mapping[str, str], context: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, source in sources.items():
        value = source.strip("'") if source.startswith("'") else context.get(source.removeprefix("context."))
        if name.startswith(_HEADER) and value is not None:
            yield name.removeprefix(_HEADER), value


def _filled(template: str, context: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: context.get(found[1], found[0]), template)
