"""Uses the client that openapi-python-client generates: images at once, as a job, one by its link, and their cost."""

import json
import os
import time

from generated_client import AuthenticatedClient
from generated_client.api.images import follow_image, generate
from generated_client.api.jobs import get_job
from generated_client.api.operations import usage
from generated_client.models import GenerateBody, GenerationAnswer, JobAnswer, JobAnswerStatus, Problem, StoredDetail

client = AuthenticatedClient(base_url=os.environ["API_URL"], token=os.environ["API_KEY"])
OVER = (JobAnswerStatus.SUCCEEDED, JobAnswerStatus.FAILED, JobAnswerStatus.CANCELLED)


def made() -> GenerationAnswer:
    answer = generate.sync(
        client=client, body=GenerateBody(text="A fox in the snow"), idempotency_key="generated-python"
    )
    assert isinstance(answer, GenerationAnswer), answer
    return answer


def finished() -> JobAnswer:
    job = generate.sync(client=client, body=GenerateBody(text="A fox at dusk"), prefer="respond-async")
    while isinstance(job, JobAnswer) and job.status not in OVER:
        time.sleep(0.2)
        job = get_job.sync(job.id, client=client)
    assert isinstance(job, JobAnswer), job
    return job


def refused() -> Problem:
    answer = generate.sync(client=client, body=GenerateBody(text="A fox", width=7))
    assert isinstance(answer, Problem), answer
    return answer


def spent() -> float:
    answer = usage.sync(client=client)
    assert answer is not None
    assert not isinstance(answer, Problem), answer
    return answer.spent_usd


answer, job = made(), finished()
(detail,) = answer.details
assert isinstance(detail, StoredDetail)
print(  # noqa: T201 - this is the answer
    json.dumps(
        {
            "images": len(answer.images),
            "size": [detail.width, detail.height],
            "job": job.status.value,
            "link": follow_image.sync_detailed(detail.id, client=client).status_code,
            "refused": refused().code,
            "has_spent": spent() > 0,
        }
    )
)
