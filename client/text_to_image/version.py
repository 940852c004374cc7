from importlib.metadata import PackageNotFoundError, version


def _version() -> str:
    try:
        return version("text-to-image-client")
    except PackageNotFoundError:
        # Run from a clone, as the studio is.
        return "0+clone"


VERSION = _version()
