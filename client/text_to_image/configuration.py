"""The API's address and key: from arguments, the environment, `.env`, or Secrets Manager."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from dotenv import dotenv_values

from text_to_image.errors import NotConfigured


@dataclass(frozen=True)
class Configuration:
    base_url: str
    # Out of the repr, so that no log shows it.
    api_key: str = field(repr=False)


def configuration(base_url: str | None = None, api_key: str | None = None) -> Configuration:
    """Arguments override the environment, which overrides `.env` (or the file that `ENV_FILE` names)."""
    settings = _settings()
    address = (base_url or settings.get("API_URL", "")).strip().rstrip("/")
    if not address.startswith(("http://", "https://")):
        raise NotConfigured("The address of the API is not known." if not address else "The API's address is no URL.")
    return Configuration(address, _key(api_key, settings))


def is_preview() -> bool:
    """Whether the laptop's emulator draws the images, free of charge; `make up` sets this."""
    return _settings().get("STUDIO_PREVIEW") == "true"


def _settings() -> Mapping[str, str]:
    file = dotenv_values(os.environ.get("ENV_FILE") or ".env")
    given = {name: value for name, value in os.environ.items() if value}
    return {name: value for name, value in file.items() if value} | given


def _key(api_key: str | None, settings: Mapping[str, str]) -> str:
    key = (api_key or settings.get("API_KEY", "")).strip()
    if not key and "API_KEY_SECRET_ARN" in settings:
        key = _secret(settings["API_KEY_SECRET_ARN"])
    if not key:
        raise NotConfigured("No API key was given.")
    if not key.isascii() or not key.isprintable():
        raise NotConfigured("The API key holds characters that no key has.")
    return key


@functools.cache
def _secret(arn: str) -> str:
    import boto3  # noqa: PLC0415 - needed for keys in Secrets Manager only
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as above

    try:
        # The ARN names its region; the environment may name another.
        region = arn.split(":")[3] if arn.startswith("arn:") else None
        found = boto3.client("secretsmanager", region_name=region).get_secret_value(SecretId=arn)
    except (BotoCoreError, ClientError) as error:
        raise NotConfigured(
            f"Secrets Manager did not hand out the API key ({type(error).__name__}).",
            remedy="Check API_KEY_SECRET_ARN, and that these credentials may call secretsmanager:GetSecretValue on it.",
        ) from error
    return str(found["SecretString"]).strip()
