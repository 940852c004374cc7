"""Generate images with a text-to-image API of your own.

    from text_to_image import generate_images

    for image in generate_images("A beautiful sunset over the ocean", number_of_images=4).images:
        print(image.caption, image.save("generated_images"))

`Client` and `AsyncClient` have every route of the API; `errors` are what they raise.
"""

from text_to_image import errors
from text_to_image.client import AsyncClient, Client, generate_images, generate_images_async
from text_to_image.errors import ImagesError
from text_to_image.following import OnProgress, Progress
from text_to_image.results import (
    Generation,
    Image,
    Job,
    ListedPicture,
    Missing,
    Model,
    Page,
    Picture,
    Usage,
    Waiting,
    Warning,  # noqa: A004 - the API's own word
)
from text_to_image.version import VERSION as __version__  # noqa: N811 - the name that packages have

__all__ = [
    "AsyncClient",
    "Client",
    "Generation",
    "Image",
    "ImagesError",
    "Job",
    "ListedPicture",
    "Missing",
    "Model",
    "OnProgress",
    "Page",
    "Picture",
    "Progress",
    "Usage",
    "Waiting",
    "Warning",
    "__version__",
    "errors",
    "generate_images",
    "generate_images_async",
]
