"""A function's environment, as template.yaml sets it by default."""

from tests.fakes.lambda_runtime import GATEWAY_TOKEN

ENVIRONMENT = {
    "AWS_REGION": "us-east-1",
    "BUCKET_NAME": "bucket",
    "TABLE_NAME": "table",
    "STANDARD_MODELS": "amazon.titan-image-generator-v2:0,stability.stable-image-core-v1:1",
    "PREMIUM_MODELS": "amazon.titan-image-generator-v2:0,stability.stable-image-ultra-v1:1",
    "MORE_MODELS": "",
    "MODEL_PRICES": "",
    "LINK_MINUTES": "30",
    "RETENTION_DAYS": "30",
    "DEDUPLICATION_MINUTES": "60",
    "QUEUE_URL": "queue",
    "DEAD_LETTER_QUEUE_URL": "dead-letters",
    "JOB_HOURS": "6",
    "EVENT_BUS_NAME": "default",
    "STACK_NAME": "text-to-image-api-test",
    "GATEWAY_TOKEN": GATEWAY_TOKEN,
    "MONTHLY_BUDGET_USD": "0",
    "MONTHLY_BUDGET_PER_KEY_USD": "0",
    "OPEN_JOBS_PER_KEY": "0",
    "CORS_ORIGINS": "",
    "API_BASE_URL": "",
    "DOCS": "true",
    "SIGNING_KEY_ARN": "",
    "SIGNING_CERTIFICATES_PARAMETER": "",
    "GUARDRAIL_ID": "",
    "GUARDRAIL_VERSION": "",
    "GUARDRAIL_REGION": "",
}
