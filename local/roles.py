"""The credentials of a function's role, which MiniStack gives to functions only."""

import io
import json
import uuid
import zipfile
from typing import Any

PROBE = """
import os

def handler(event, context):
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
"""
NAMES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def credentials(functions: Any, role: str) -> dict[str, str]:  # noqa: ANN401 - an untyped client
    """Return the credentials as environment variables, as a function with this role gets them."""
    name = f"probe-{uuid.uuid4()}"
    functions.create_function(
        FunctionName=name, Role=role, Runtime="python3.13", Handler="probe.handler", Code={"ZipFile": _zipped()}
    )
    try:
        environment = json.load(functions.invoke(FunctionName=name)["Payload"])
    finally:
        functions.delete_function(FunctionName=name)
    return {name: environment[name] for name in NAMES}


def _zipped() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("probe.py", PROBE)
    return archive.getvalue()
