"""The body of POST /generate, also the event of a direct invocation, with the documented limits."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from imaging.requests.request import ONE_LINE, GenerationRequest, one_line, whole
from imaging.requests.webhook import MAX_URL, URL, https_url

MAX_TEXT = 512
MIN_SIDE, MAX_SIDE = 512, 1024
MAX_IMAGES = 4

Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT, json_schema_extra=ONE_LINE), AfterValidator(one_line)]
Side = Annotated[int, Field(ge=MIN_SIDE, le=MAX_SIDE), BeforeValidator(whole)]
Count = Annotated[int, Field(ge=1, le=MAX_IMAGES), BeforeValidator(whole)]

WebhookUrl = Annotated[str, Field(max_length=MAX_URL, json_schema_extra=URL), AfterValidator(https_url)]


class ImagesBody(GenerationRequest):
    """What images to make, and in which form."""

    text: Text = Field(
        description="What the image shows, 1 to 512 characters; line breaks and tabs count as spaces.",
        examples=["A beautiful sunset over the ocean with waves crashing on the shore"],
    )
    width: Side = Field(1024, description="Pixels, 512 to 1024.")
    height: Side = Field(1024, description="Pixels, 512 to 1024.")
    number_of_images: Count = Field(1, description="1 to 4.")
    negative_text: Text | None = Field(None, description="What the image must not show, 1 to 512 characters.")

    output_format: Literal["png", "jpeg", "webp"] = Field(
        "png",
        description="The format of the files. The same request in another format brings the same images, and costs "
        "nothing.",
    )

    def generation_request(self) -> GenerationRequest:
        """The request without fields that only concern the answer's form."""
        return GenerationRequest.model_validate(
            self.model_dump(exclude_unset=True, include=set(GenerationRequest.model_fields))
        )


class GenerateBody(ImagesBody):
    """What images to make."""

    webhook_url: WebhookUrl | None = Field(
        None,
        description="With `Prefer: respond-async`: where the job is sent when it ends, signed with the key's secret. "
        "Left out: the key's default; null: nowhere.",
    )
