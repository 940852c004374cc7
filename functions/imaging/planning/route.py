"""A model, and what to call it by."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from imaging.models import catalog
from imaging.models.catalog import Model

_PROFILE = re.compile(r"arn:[\w-]+:bedrock:[\w-]+:\d{12}:(application-)?inference-profile/\S+")


@dataclass(frozen=True)
class Route:
    """`invoke_as` is the model's own id, or the ARN of an application inference profile that copies it."""

    model: Model
    invoke_as: str

    @classmethod
    def parse(cls, entry: str, models: Mapping[str, Model] = catalog.MODELS) -> "Route":
        """A list entry, `<model id>` or `<model id>@<ARN>`. Raises ValueError."""
        name, at, arn = entry.strip().partition("@")
        try:
            model = catalog.find(name, models)
        except KeyError:
            raise ValueError(f"{name!r} is no model; there are {', '.join(models)}") from None
        if at and not _PROFILE.fullmatch(arn):
            raise ValueError(f"{arn!r} is no inference profile's ARN; write <model id>@<ARN>")
        return cls(model, arn or model.id)

    def region(self, home: str) -> str:
        """The region to call: a profile's own; for a model id the one nearest to the stack's `home` region."""
        return self.invoke_as.split(":")[3] if self.invoke_as.startswith("arn:") else self.model.region_near(home)
