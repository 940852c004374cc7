"""Loads a function's handler as Lambda's runtime does, and calls it with events."""

import importlib
import os
import time
from typing import Any

from channel import answer

module, _, name = os.environ["_HANDLER"].rpartition(".")
handler = getattr(importlib.import_module(module.replace("/", ".")), name)
answer({"ready": time.monotonic()})


class Context:
    aws_request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    function_name = "bench"
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:bench"
    memory_limit_in_mb = int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"])

    def get_remaining_time_in_millis(self) -> int:
        return 110_000


def call(event: Any) -> Any:  # noqa: ANN401 - any JSON
    return handler(event, Context())


if __name__ == "__main__":
    from measured import serve

    serve(call)
