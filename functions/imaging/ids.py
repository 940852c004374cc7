"""The ids of generations and images."""

import uuid

_NAMESPACE = uuid.UUID("7a8d3f0e-2c55-4b0a-9a4e-5d4c1f6b7e21")


def new_generation_id() -> str:
    return str(uuid.uuid4())


def generation_id(caller: str, name: str) -> str:
    """The generation id that follows from a caller and what deduplicates the request."""
    return str(uuid.uuid5(_NAMESPACE, f"{caller}/{name}"))


def image_id(generation_id: str, index: int) -> str:
    """The image id that follows from its generation and its index, so that a later attempt overwrites the image."""
    return str(uuid.uuid5(uuid.UUID(generation_id), str(index)))


def delivery_id(generation_id: str, revision: str, place: int) -> str:
    """The delivery id that follows from the end of a job, by its revision, and the receiver's place."""
    return f"msg_{uuid.uuid5(uuid.UUID(generation_id), f'{revision}/{place}').hex}"


def is_id(text: str) -> bool:
    """Whether the text has the form of an id, as this module writes it."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
