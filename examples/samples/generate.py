"""Over HTTP, with nothing but the standard library. Prints each image's link, or the error and what to do."""

import json
import os
import sys
import urllib.error
import urllib.request

request = urllib.request.Request(
    f"{os.environ['API_URL']}/generate",
    json.dumps({"text": "A fox in the snow", "width": 512, "height": 512}).encode(),
    {"x-api-key": os.environ["API_KEY"], "Idempotency-Key": "sample-python", "Content-Type": "application/json"},
)
try:
    with urllib.request.urlopen(request, timeout=30) as answer:
        print(*json.load(answer)["images"], sep="\n")
except urllib.error.HTTPError as error:
    problem = json.load(error)
    sys.exit(f"{problem['code']}: {problem['detail']}")
