"""The exceptions of InvokeModel, with their status and usual message."""

STATUS = {
    "AccessDeniedException": 403,
    "InternalServerException": 500,
    "ModelErrorException": 424,
    "ModelNotReadyException": 429,
    "ModelTimeoutException": 408,
    "ResourceNotFoundException": 404,
    "ServiceQuotaExceededException": 400,
    "ServiceUnavailableException": 503,
    "ThrottlingException": 429,
    "ValidationException": 400,
}

END_OF_LIFE = (
    "This model version has reached the end of its life. Please refer to the AWS documentation for more details."
)
UNKNOWN_MODEL = "The provided model identifier is invalid."
UNKNOWN_ARN = "The specified resource ARN was not found. Check the ARN and try your request again."
CONTENT_TYPE = "The provided Content Type is invalid or not supported for this model"
ACCEPT = "The provided Accept Type is invalid or not supported for this model"
NO_GUARDRAIL = "The guardrail identifier or version provided in the request does not exist."
BODY_TOO_LONG = (
    "1 validation error detected: Value at 'body' failed to satisfy constraint: "
    "Member must have length less than or equal to 25000000"
)
NOT_JSON = "Malformed input request, please reformat your input and try again."

USUAL_MESSAGE = {
    "AccessDeniedException": "You don't have access to the model with the specified model ID.",
    "InternalServerException": (
        "The system encountered an unexpected error during processing. Try your request again."
    ),
    "ModelErrorException": "The request failed due to an error while processing the model.",
    "ModelNotReadyException": "The model specified in the request is not ready to serve inference requests.",
    "ModelTimeoutException": "Model has timed out in processing the request. Try your request again.",
    "ResourceNotFoundException": END_OF_LIFE,
    "ServiceQuotaExceededException": "Your request exceeds the service quota for your account.",
    "ServiceUnavailableException": "Bedrock is unable to process your request.",
    "ThrottlingException": "Too many requests, please wait before trying again.",
    "ValidationException": NOT_JSON,
}


class Refusal(Exception):
    """One of Bedrock's exceptions, sent as the answer."""

    def __init__(self, name: str, message: str | None = None) -> None:
        self.name = name
        self.status = STATUS[name]
        self.message = message if message is not None else USUAL_MESSAGE[name]
        super().__init__(f"{name}: {self.message}")

    def body(self, model: str) -> dict[str, object]:
        if self.name != "ModelErrorException":
            return {"message": self.message}
        return {"message": self.message, "originalStatusCode": 500, "resourceName": model}


def invalid(message: str) -> Refusal:
    return Refusal("ValidationException", message)
