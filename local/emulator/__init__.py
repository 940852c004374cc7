"""A stand-in for Amazon Bedrock's InvokeModel, for the laptop stack and for tests."""
