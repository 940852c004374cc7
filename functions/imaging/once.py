"""Never pays twice: a request that was answered is answered again, and one that is being answered is waited for."""

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyInconsistentStateError,
    IdempotencyPersistenceLayerError,
    IdempotencyValidationError,
)
from aws_lambda_powertools.utilities.idempotency.serialization.pydantic import PydanticSerializer
from aws_lambda_powertools.utilities.typing import LambdaContext

from aws.idempotency import IdempotencyTable
from aws.table import TableError
from imaging.announcing import Announcer
from imaging.deadline import Deadline
from imaging.errors import BudgetExhausted, DependencyUnavailable, ImagingError, InProgress, KeyReused
from imaging.gallery import Gallery
from imaging.generate import Generator
from imaging.order import Order
from imaging.result import Generation, GenerationWarning
from imaging.spending import Bill, Hold, Spending
from observability import logger

MAX_WAIT_SECONDS = 25
"""API Gateway gives up at 29; the rest is for the answer."""

KEYED_SECONDS = 24 * 3600
"""How long a caller's own key is remembered."""

_KEY_PREFIX = "generation"
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Delivery:
    generation: Generation
    replayed: bool


@dataclass(frozen=True)
class Once:
    """The use case, run once for each order. `keyless_seconds` 0 means that only a caller's own key joins."""

    generator: Generator
    gallery: Gallery
    announcer: Announcer
    spending: Spending
    keyed: IdempotencyTable
    keyless: IdempotencyTable
    keyless_seconds: int
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def generate(self, order: Order, deadline: Deadline, wait_seconds: float) -> Delivery:
        """The order's images, made now or before. Waits up to `wait_seconds` while somebody else makes them.

        Raises InProgress after that, KeyReused for a key with another request, and what Generator.generate raises.
        """
        if not self.joins(order):
            return Delivery(self._make(order, uuid.uuid4(), deadline, resume_seconds=0), replayed=False)
        until = self.clock() + min(wait_seconds, MAX_WAIT_SECONDS)
        while True:
            delivery = self._attempt(order, deadline)
            if delivery is None:
                if self.clock() >= until:
                    raise in_progress()
                self.sleep(POLL_SECONDS)
            elif not delivery.replayed or delivery.generation.stored:
                return delivery
            else:
                self._forget(order)

    def finished(self, order: Order) -> Delivery | None:
        """What was made for the order, if it was. Raises KeyReused, DependencyUnavailable."""
        if not self.joins(order):
            return None
        records = self._records(order)
        records.configure(self._config(order), key_prefix=_KEY_PREFIX)
        try:
            stored = records.completed(order.data())
        except IdempotencyValidationError:
            raise _key_reused() from None
        except TableError as error:
            raise _records_down() from error
        if stored is None:
            return None
        generation = Generation.model_validate_json(stored)
        now = self.gallery.as_it_is_now(order.caller, generation)
        return Delivery(now, replayed=True) if now.stored else None

    def joins(self, order: Order) -> bool:
        """Whether the order may be answered by another one's images."""
        if order.is_keyed:
            return True
        return not order.fresh and self.keyless_seconds > 0 and self.generator.repeats(order.request)

    def _attempt(self, order: Order, deadline: Deadline) -> Delivery | None:
        """What was made, now or before; None while somebody else is at it."""
        run = _Run()
        try:
            generation = self._idempotent(order, deadline, run)
        except (IdempotencyAlreadyInProgressError, IdempotencyInconsistentStateError):
            return None
        except IdempotencyValidationError:
            raise _key_reused() from None
        except IdempotencyPersistenceLayerError as error:
            self._release(order)
            return Delivery(run.not_remembered(error), replayed=False)
        if run.generation is not None:
            return Delivery(generation, replayed=False)
        return Delivery(self.gallery.as_it_is_now(order.caller, generation), replayed=True)

    def _idempotent(self, order: Order, deadline: Deadline, run: "_Run") -> Generation:
        @idempotent_function(
            data_keyword_argument="data",
            config=self._config(order, deadline),
            persistence_store=self._records(order),
            output_serializer=PydanticSerializer(Generation),
            key_prefix=_KEY_PREFIX,
        )
        def execute(*, data: Mapping[str, Any]) -> Generation:  # noqa: ARG001 - what Powertools tells orders apart by
            # If an earlier execution had finished, this one would not run: what is there was left by one that died.
            return run.of(lambda: self._make(order, order.generation_id, deadline, self._remembered_seconds(order)))

        generation: Generation = execute(data=order.data())
        return generation

    def _make(self, order: Order, generation_id: uuid.UUID, deadline: Deadline, resume_seconds: float) -> Generation:
        started = time.monotonic()
        try:
            hold = self._hold(order, generation_id, deadline, resume_seconds)
        except BudgetExhausted as error:
            if error.may_pass and not order.last:
                raise
            generation = self.generator.left(order, generation_id, deadline, resume_seconds, error)
        else:
            generation = self._paid(hold, order, generation_id, deadline, resume_seconds)
        self.announcer.completed(order.caller, generation, time.monotonic() - started)
        return generation

    def _paid(
        self, hold: Hold, order: Order, generation_id: uuid.UUID, deadline: Deadline, resume_seconds: float
    ) -> Generation:
        started, bill = time.monotonic(), Bill()
        try:
            generation = self.generator.generate(order, generation_id, deadline, bill, resume_seconds)
        except ImagingError as error:
            self.spending.settle(hold, bill)
            # A patient order is tried again; who gives it up tells so.
            if not order.patient:
                self.announcer.failed(order.caller, str(generation_id), error, time.monotonic() - started)
            raise
        except Exception:
            self.spending.settle_in_full(hold)
            raise
        self.spending.settle(hold, bill)
        return generation

    def _hold(self, order: Order, generation_id: uuid.UUID, deadline: Deadline, resume_seconds: float) -> Hold:
        """Money for the whole order, or, where that would pass the cap, for what an earlier attempt left to do."""
        whole = self.generator.dearest(order.request)
        try:
            return self.spending.hold(order.caller, str(generation_id), whole, deadline)
        except BudgetExhausted:
            left = self.generator.dearest_left(order, generation_id, deadline, resume_seconds)
            return self.spending.hold(order.caller, str(generation_id), left, deadline)

    def _config(self, order: Order, deadline: Deadline | None = None) -> IdempotencyConfig:
        return IdempotencyConfig(
            event_key_jmespath="order",
            payload_validation_jmespath="request",
            expires_after_seconds=self._remembered_seconds(order),
            hash_function="sha256",
            lambda_context=cast(LambdaContext, deadline),  # it is asked for the remaining time alone
        )

    def _remembered_seconds(self, order: Order) -> int:
        return KEYED_SECONDS if order.is_keyed else self.keyless_seconds

    def _records(self, order: Order) -> IdempotencyTable:
        return self.keyed if order.is_keyed else self.keyless

    def _release(self, order: Order) -> None:
        """Nobody is at the order any more, although its record says so; what it left in the bucket is found again."""
        try:
            self._records(order).release(order.data())
        except TableError as error:
            logger.warning("A record was not released", aws_error=error.code)

    def _forget(self, order: Order) -> None:
        try:
            self._records(order).forget(order.data())
        except TableError as error:
            raise _records_down() from error


@dataclass
class _Run:
    """One execution. It keeps what came of it, which Powertools drops where it cannot note it."""

    generation: Generation | None = None
    error: ImagingError | None = None

    def of(self, make: Callable[[], Generation]) -> Generation:
        try:
            self.generation = make()
        except ImagingError as error:
            self.error = error
            raise
        return self.generation

    def not_remembered(self, cause: IdempotencyPersistenceLayerError) -> Generation:
        """What was made although it could not be noted; raises why nothing was made."""
        logger.warning("An outcome could not be noted", cause=str(cause.args[0]))
        if self.error is not None:
            raise self.error
        if self.generation is None:
            raise _records_down() from cause
        return self.generation.with_warning(
            GenerationWarning(
                code="not_remembered",
                field=None,
                detail="The images are stored, but the outcome could not be noted: the same request may be paid again.",
            )
        )


def _records_down() -> DependencyUnavailable:
    return DependencyUnavailable("The table did not answer, so nothing was generated or paid. Send the request again.")


def _key_reused() -> KeyReused:
    return KeyReused(
        "This Idempotency-Key was used with another request. Use a new key for each request, and the same key only to "
        "send the same request again."
    )


def in_progress() -> InProgress:
    return InProgress("The same request is still being answered. Send it again a little later to collect the result.")
