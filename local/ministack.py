"""MiniStack: the AWS services that the template needs, in one process, with IAM enforced."""

import os
import shlex
import subprocess
from typing import Any

import boto3
from botocore.config import Config

from local import net
from local.errors import StackError
from local.places import VENVS, Places
from local.processes import Process

PYTHON = VENVS / "ministack" / "bin" / "python"
REGION = "us-east-1"
# MiniStack's own account number is the access key of its root user.
ACCESS_KEY = "000000000000"
SECRET_KEY = "test"  # noqa: S105 - MiniStack's default, valid nowhere else


def process(places: Places) -> Process:
    return Process("ministack", places)


def start(places: Places, port: int) -> None:
    _require_installation()
    process(places).start([str(PYTHON), "-m", "local.guarded_ministack"], _environment(places, port))


def wait(places: Places, port: int) -> None:
    net.wait_until_answers(f"{net.url(port)}/_ministack/health", process(places))


def runtime() -> str:
    """Return the runtime to build for: MiniStack runs functions in its own interpreter."""
    _require_installation()
    ask = "import sys; print('python%d.%d' % sys.version_info[:2])"
    answer = subprocess.run([PYTHON, "-c", ask], check=True, capture_output=True, text=True)  # noqa: S603 - our own
    return answer.stdout.strip()


def client(service: str, endpoint: str, region: str = REGION) -> Any:  # noqa: ANN401 - one function for every service's client
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(proxies={}),
    )


def developer_environment(endpoint: str) -> dict[str, str]:
    """Return an environment in which AWS tools see MiniStack only, never the developer's account."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return inherited | _developer_variables(endpoint)


def shell_variables(endpoint: str) -> str:
    """Return the same for a shell, with SAM CLI on its path, and AWS CLI where the tests have installed it."""
    exports = (f"export {name}={value}\n" for name, value in _developer_variables(endpoint).items())
    programs = ":".join(shlex.quote(str(VENVS / name / "bin")) for name in ("sam", "aws"))
    return f"unset AWS_PROFILE AWS_REGION AWS_SESSION_TOKEN\n{''.join(exports)}export PATH={programs}:$PATH\n"


def _developer_variables(endpoint: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": net.HOST,
        "no_proxy": net.HOST,
    }


def _environment(places: Places, port: int) -> dict[str, str]:
    """Return the environment that functions inherit: of the developer's, PATH and locale only."""
    inherited = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    return inherited | {
        "AUTH": "true",
        "BIND_HOST": net.HOST,
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "LAMBDA_EXECUTOR": "local",
        "MINISTACK_REGION": REGION,
        "HOME": str(places.scratch),
        "STATE_DIR": str(places.scratch / "state"),
        "S3_DATA_DIR": str(places.scratch / "s3"),
    }


def _require_installation() -> None:
    if not PYTHON.exists():
        raise StackError("MiniStack is not installed; start the stack with `make up`, which does that first.")
