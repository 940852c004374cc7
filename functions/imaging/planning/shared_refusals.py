"""Lasting refusals of models, shared by all execution environments through the table."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from aws.table import Record, TableError
from imaging import ports
from imaging.errors import ImagingError
from observability import logger


@dataclass(frozen=True)
class Refusal:
    code: str
    detail: str


@dataclass(frozen=True)
class SharedRefusals:
    """Each model's last refusal, under `refusal#<model id>`. A failed write is logged and changes nothing else."""

    table: ports.Table
    now: Callable[[], float] = time.time

    def add(self, model_id: str, error: ImagingError, seconds: float) -> None:
        self._put(model_id, {"code": error.code, "detail": error.detail}, self.now() + seconds)

    def remove(self, model_id: str) -> None:
        self._put(model_id, {}, self.now())

    def find(self, model_ids: Collection[str]) -> Mapping[str, Refusal]:
        """The unexpired refusals of these models, by model id. Raises TableError."""
        found = self.table.get_many([_key(model_id) for model_id in model_ids])
        known = {model_id: found.get(_key(model_id)) for model_id in model_ids}
        return {model_id: Refusal(one["code"], one["detail"]) for model_id, one in known.items() if one}

    def _put(self, model_id: str, record: Record, expires_at: float) -> None:
        try:
            self.table.put(_key(model_id), record, int(expires_at))
        except TableError as error:
            logger.warning("A refusal could not be shared", model=model_id, aws_error=error.code)


def _key(model_id: str) -> str:
    return f"refusal#{model_id}"
