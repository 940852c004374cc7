"""The environment, read once and validated when the function starts."""

import os
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator

from imaging.routing import Route


def _routes(entries: Any) -> tuple[Route, ...]:  # noqa: ANN401 - whatever is validated
    return tuple(Route.parse(entry) for entry in entries.split(","))


Routes = Annotated[tuple[Route, ...], PlainValidator(_routes)]


class Settings(BaseModel):
    """What the template tells the functions; each field is an environment variable in capitals."""

    model_config = ConfigDict(frozen=True, alias_generator=str.upper)

    bucket_name: str
    standard_models: Routes
    premium_models: Routes
    link_minutes: int = Field(ge=1, le=60)
    aws_region: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Raises pydantic's ValidationError, which names each variable that is missing or wrong."""
        return cls.model_validate(dict(environment))
