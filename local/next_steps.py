"""The next steps with the running stack, ready to paste."""

import json
import shlex
from typing import Any

PROMPT = "A fox in the snow"


def next_steps(description: dict[str, Any], stop: str) -> str:
    return f"""
What next
    open the studio   {description["studio_url"] or "it is not started"}
    make an image     {_curl(description)}
    stop              {stop}"""


def _curl(description: dict[str, Any]) -> str:
    key = shlex.quote(f"x-api-key: {description['api_key']}")
    return f"curl {description['api_url']}/generate -H {key} -d {shlex.quote(json.dumps({'text': PROMPT}))}"
