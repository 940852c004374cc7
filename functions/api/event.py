"""The form of API Gateway's events, as far as the doors rely on it."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

_Texts = dict[str, str] | None
_Lists = dict[str, list[str]] | None


class _Authorizer(BaseModel):
    model_config = ConfigDict(strict=True)

    caller: str


class _Context(BaseModel):
    model_config = ConfigDict(strict=True)

    path: str
    domainName: str | None = None  # noqa: N815 - API Gateway's name
    requestId: str | None = None  # noqa: N815 - as above
    authorizer: _Authorizer


class _Event(BaseModel):
    model_config = ConfigDict(strict=True)

    httpMethod: str  # noqa: N815 - as above
    path: str
    body: str | None = None
    headers: _Texts
    multiValueHeaders: _Lists = None  # noqa: N815
    queryStringParameters: _Texts = None  # noqa: N815
    multiValueQueryStringParameters: _Lists = None  # noqa: N815
    pathParameters: _Texts = None  # noqa: N815
    isBase64Encoded: bool = False  # noqa: N815
    requestContext: _Context  # noqa: N815

    @model_validator(mode="after")
    def _has_host(self) -> Self:
        """Links are made from it."""
        if self.requestContext.domainName is None and "host" not in map(str.lower, self.headers or {}):
            raise ValueError("there is neither a Host nor a domain")
        return self


def is_well_formed(event: Mapping[str, Any]) -> bool:
    try:
        _Event.model_validate(event)
    except ValidationError:
        return False
    return True
