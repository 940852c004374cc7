"""The function's own time limit, as the use case sees it."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from imaging.deadline import Deadline


def deadline(context: LambdaContext) -> Deadline:
    return Deadline.after(context.get_remaining_time_in_millis() / 1000)
