"""Records traces with Powertools' Tracer. Loaded only if traces are on: else there is no layer with the X-Ray SDK."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from aws_lambda_powertools import Tracer
from aws_xray_sdk.core import xray_recorder
from aws_xray_sdk.core.emitters.udp_emitter import UDPEmitter
from aws_xray_sdk.core.models.entity import Entity
from aws_xray_sdk.core.models.trace_header import TraceHeader

_Handler = TypeVar("_Handler", bound=Callable[..., Any])


class _Discreet(UDPEmitter):
    """Sends no texts of exceptions: Bedrock's may quote a prompt."""

    def send_entity(self, entity: Entity) -> None:
        _forget_messages(entity)
        super().send_entity(entity)


def _forget_messages(entity: Entity) -> None:
    # Where an inner step has told of the exception, the outer one's cause is its id.
    for exception in entity.cause.get("exceptions", ()) if isinstance(entity.cause, dict) else ():
        vars(exception).pop("message", None)
    for part in entity.subsegments:
        _forget_messages(part)


class Recorder:
    """The trace of the running invocation. Every call to AWS is a step of it."""

    def __init__(self) -> None:
        xray_recorder.configure(emitter=_Discreet())
        self._tracer = Tracer(patch_modules=["botocore"])

    def traced(self, handler: _Handler) -> _Handler:
        traced = self._tracer.capture_lambda_handler(handler, capture_response=False, capture_error=False)
        return cast("_Handler", traced)

    def follow(self) -> None:
        """Takes up the trace of the running invocation, which the SDK does only when it is asked for something."""
        xray_recorder.get_trace_entity()

    def annotate(self, values: Mapping[str, str]) -> None:
        # Lambda's own segment takes no annotations.
        if subsegment := xray_recorder.current_subsegment():
            for name, value in values.items():
                subsegment.put_annotation(name, value)

    @contextmanager
    def step(self, name: str, annotations: Mapping[str, str]) -> Iterator[None]:
        with xray_recorder.in_subsegment(name):
            self.annotate(annotations)
            yield

    def message_attributes(self) -> Mapping[str, Any]:
        entity = xray_recorder.get_trace_entity()
        if not entity.sampled:
            return {}
        header = TraceHeader(root=entity.trace_id, parent=entity.id, sampled=entity.sampled).to_header_str()
        return {"MessageSystemAttributes": {"AWSTraceHeader": {"StringValue": header, "DataType": "String"}}}
