"""The Lambda authorizer: finds the API key, returns it to API Gateway, which checks it, and names the caller.

Anonymous requests may use the open routes, and preflight requests may where CORS is configured. They share the
anonymous key, which opens nothing else, so that API Gateway limits their rate too.

It runs before every request, so it is a package of its own that needs the standard library alone.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

OPEN_PATHS = {"health", "openapi.json", "docs"}
KEYED_PARAMETER = "deep"
"""A query parameter that makes an open path require a key."""

ANONYMOUS = "anonymous"
PROBLEM = "application/problem+json"

Event = Mapping[str, Any]


def lambda_handler(event: Event, context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    """Allows the request with its key or the anonymous one; denies it without a key, or with two different keys."""
    try:
        key, error_type = _key(event), _error_type(event)
    except (AttributeError, KeyError, TypeError, ValueError):
        key, error_type = None, PROBLEM  # API Gateway sends no such event; whatever it is, it has no key
    return _deny(event, error_type) if key is None else _allow(event, key, error_type)


def _deny(event: Event, error_type: str) -> dict[str, Any]:
    """A Deny policy, for which API Gateway answers the template's 401. An exception would count as a function error."""
    return {
        "principalId": ANONYMOUS,
        "policyDocument": _policy(event, "Deny"),
        "context": {"error_type": error_type},
    }


def _allow(event: Event, key: str, error_type: str) -> dict[str, Any]:
    name = caller(key)
    return {
        "principalId": name,
        "policyDocument": _policy(event, "Allow"),
        "context": {
            "caller": name,
            "gateway_token": os.environ["GATEWAY_TOKEN"],
            "error_type": error_type,
        },
        "usageIdentifierKey": key,
    }


def _error_type(event: Event) -> str:
    """The content type of API Gateway's own errors, which cannot tell the path."""
    return "application/json" if str(_path(event)).partition("/")[0] == "v1" else PROBLEM


def _path(event: Event) -> str | None:
    path: str | None = (event.get("pathParameters") or {}).get("proxy")
    return path


def _policy(event: Event, effect: str) -> dict[str, Any]:
    """A policy for every route of the stage. `methodArn` is <the API's ARN>/<stage>/<method>/<path>."""
    api, stage, _ = event["methodArn"].split("/", 2)
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": [f"{api}/{stage}/*/*"]}
    return {"Version": "2012-10-17", "Statement": [statement]}


def caller(key: str) -> str:
    """The caller's name: the first 16 hex digits of the SHA-256 of the key."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def _key(event: Event) -> str | None:
    anonymous_key = os.environ["PUBLIC_KEY"]
    keys = set(_keys(_headers(event))) - {anonymous_key}
    if len(keys) == 1:
        return keys.pop()
    return anonymous_key if not keys and _is_open(event) else None


def _headers(event: Event) -> Mapping[str, str]:
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()}


def _keys(headers: Mapping[str, str]) -> Iterator[str]:
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        yield token.strip()
    if key := headers.get("x-api-key", "").strip():
        yield key


def _is_open(event: Event) -> bool:
    method, path = event["httpMethod"], _path(event)
    return (method == "OPTIONS" and os.environ["CORS_ORIGINS"] != "") or (
        method == "GET" and path in OPEN_PATHS and KEYED_PARAMETER not in (event.get("queryStringParameters") or {})
    )
