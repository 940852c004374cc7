"""The version of the API, as /health, openapi.json and CHANGELOG.md state it."""

VERSION = "1.0.0"
