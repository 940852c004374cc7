"""Prints docs/openapi.json as the function serves it; `make openapi` and `make check` run this."""

import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "functions"))
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "text-to-image-api")

from api.app import app  # noqa: E402 - found on the path that was just set
from api.openapi import document  # noqa: E402

sys.stdout.write(json.dumps(document(app), indent=2, ensure_ascii=False) + "\n")
