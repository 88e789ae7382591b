"""Fetch a release's environment from Parameter Store: environment.py DEPLOYMENT TARGET REASON.

The parameters are written after the machine was launched, and the machine may read them only from then on:
until part 0 is there, AWS answers that there is none, or that it is forbidden.
"""

import base64
import grp
import json
import os
import sys
import time
from typing import Any, NoReturn

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

#: A portal whose worker died, or whose database is away, is waited for.
PATIENCE = 240
SHARED = [
    "settings_module",
    "wsgi_module",
    "asgi_module",
    "interface",
    "project_directory",
    "services",
    "database",
    "placeholders",
    "health_path",
    "addresses",
    "processes",
    "procfile",
    "release_command",
]


def main(source: str, target: str, reason: str) -> None:
    with open(source, encoding="utf-8") as file:
        deployment = json.load(file)
    try:
        environment = fetch(deployment)
        document = {name: deployment[name] for name in SHARED} | {"environment": environment}
        document["balanced"] = deployment.get("balanced", False)
        write(target, json.dumps(document))
    except (BotoCoreError, ClientError, ValueError) as error:
        give_up(
            reason,
            "environment-unreadable",
            f"The environment could not be read from Parameter Store: {error}",
        )


def fetch(deployment: dict[str, Any]) -> dict[str, str]:
    """Raises ValueError for what is no environment, and botocore's errors when the patience is used up.

    The portal reads its own settings from Parameter Store, and is told here only where they are.
    """
    path = deployment["parameter_path"]
    if not path:
        return dict(deployment["environment"])
    client = connect(deployment)
    count, _, text = patiently(lambda: read(client, f"{path}/0")).partition(":")
    if not count.isdigit():
        raise ValueError("part 0 does not begin with the number of parts")
    for number in range(1, int(count)):
        text += patiently(lambda name=f"{path}/{number}": read(client, name))
    environment = json.loads(base64.b64decode(text, validate=True))
    for name, value in environment.items():
        if "\0" in name + value or "=" in name:
            raise ValueError(f"no process can be given the variable {name}: it holds a NUL")
    return dict(environment)


def connect(deployment: dict[str, Any]) -> Any:
    # The same as boto3's client, in half the time.
    return botocore.session.get_session().create_client(
        "ssm",
        region_name=deployment["region"],
        endpoint_url=deployment["aws_endpoint_url"],
        config=Config(connect_timeout=5, read_timeout=10, retries={"max_attempts": 2}),
    )


def read(client: Any, name: str) -> str:
    return str(client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])


def patiently(ask: Any) -> str:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return str(ask())
        except (BotoCoreError, ClientError):
            if time.monotonic() > deadline:
                raise
        time.sleep(0.25)


def write(target: str, text: str) -> None:
    """All or nothing, for root and the site's group alone."""
    fresh = f"{target}.new"
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640), "w", encoding="utf-8") as file:
        os.fchown(file.fileno(), 0, grp.getgrnam("site").gr_gid)
        os.fchmod(file.fileno(), 0o640)
        file.write(text)
    os.rename(fresh, target)


def give_up(path: str, code: str, reason: str) -> NoReturn:
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"code": code, "reason": reason}, file)
    sys.exit(reason)


if __name__ == "__main__":
    main(*sys.argv[1:])
