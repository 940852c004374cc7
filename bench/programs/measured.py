"""Answers requests one by one, and tells what each took. Imported after the measured code's own imports."""

import resource
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from channel import answer, requests

Call = Callable[[Any], Any]
PEAK_UNIT = 1 if sys.platform == "darwin" else 1024


def serve(call: Call) -> None:
    """`call` answers one request, or raises."""
    services = _count_calls()
    for request in requests():
        services.clear()
        started, processor = time.perf_counter(), time.process_time()
        given = call(request)
        seconds, processor = time.perf_counter() - started, time.process_time() - processor
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PEAK_UNIT
        answer({"seconds": seconds, "processor": processor, "peak": peak, "calls": dict(services), "answer": given})


def _count_calls() -> Counter[str]:
    """Counts requests to AWS by service, as they are sent: retries are requests too."""
    from botocore.httpsession import URLLib3Session  # noqa: PLC0415 - a cold start that does not need it must not load it

    services: Counter[str] = Counter()
    send, lock = URLLib3Session.send, threading.Lock()

    def counted(session: Any, request: Any) -> Any:  # noqa: ANN401 - botocore's own
        with lock:
            services[_service(request)] += 1
        return send(session, request)

    URLLib3Session.send = counted
    return services


def _service(request: Any) -> str:  # noqa: ANN401 - botocore's own
    """The service in the scope of the signature: …/20261122/us-east-1/dynamodb/aws4_request."""
    signature = str(request.headers.get("Authorization", ""))
    return signature.partition("Credential=")[2].split("/")[3] if "Credential=" in signature else "unsigned"
