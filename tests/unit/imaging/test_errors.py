"""An error that an earlier attempt left in its record is raised again as it was."""

import pytest

from imaging import errors
from imaging.errors import ImagingError

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, ImagingError) and hasattr(kind, "code")
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_each_error_comes_back_with_its_facts(kind: type[ImagingError]) -> None:
    error = errors.recalled(kind.code, "Send it again.", "AnAwsError")
    assert type(error) is kind
    assert (error.detail, error.aws_error, error.was_paid) == ("Send it again.", "AnAwsError", True)
    assert error.retry_after_seconds is None, "a retry would pay again"
