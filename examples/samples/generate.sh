#!/usr/bin/env bash
# Over HTTP with curl. The key makes a retry free.
set -euo pipefail
curl -sS --fail-with-body --retry 3 "$API_URL/generate" \
  -H "x-api-key: $API_KEY" -H "Idempotency-Key: sample-shell" -H "Content-Type: application/json" \
  -d '{"text": "A lighthouse above a calm sea", "width": 512, "height": 512}'
