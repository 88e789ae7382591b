"""Fetch this portal version's scripts from its Run Command document, as a later deployment would run them.

Together they are larger than user data may be; their checksum is in the user data.
"""

import base64
import hashlib
import io
import json
import os
import sys
import tarfile
import time
import urllib.request
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

PATIENCE = 60
TARGET = "/opt/ecdeployer/user_data"


def main(source: str) -> None:
    with open(source, encoding="utf-8") as file:
        deployment = json.load(file)
    try:
        archive = fetch(deployment)
        digest = hashlib.sha256(archive.encode()).hexdigest()
        if digest != deployment["scripts"]:
            raise ValueError("it holds other scripts under this version's name")
        unpack(archive)
    except (BotoCoreError, ClientError, ValueError) as error:
        reason = f"The scripts could not be read from the document {deployment['document']}: {error}"
        give_up(deployment, reason)
        sys.exit(reason)


def fetch(deployment: dict[str, Any]) -> str:
    """The archive in its here-document. The role's permissions may take a while to be known."""
    client = boto3.client(
        "ssm", region_name=deployment["region"], endpoint_url=deployment["aws_endpoint_url"]
    )
    wanted = {"Name": deployment["document"], "VersionName": deployment["document_version"]}
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            content = client.get_document(**wanted)["Content"]
            break
        except (BotoCoreError, ClientError):
            if time.monotonic() > deadline:
                raise
        time.sleep(0.5)
    commands = json.loads(content)["mainSteps"][0]["inputs"]["runCommand"]
    return "\n".join(commands[commands.index("ARCHIVE") - 1 : commands.index("ARCHIVE")])


def unpack(archive: str) -> None:
    os.makedirs(TARGET, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(archive)), mode="r:bz2") as tar:
        tar.extractall(TARGET)  # noqa: S202 # nosec B202


def give_up(deployment: dict[str, Any], reason: str) -> None:
    """Tell the portal, once; it also learns from its own deadline."""
    result = {"state": "failed", "step": "boot", "reason": reason[:1000], "code": "scripts-unreadable"}
    event = {"number": 2, "step": "boot", "state": "failed", "at": time.time(), "message": ""}
    body = json.dumps({"events": [event], "logs": [], "changes": [], "result": result}).encode()
    headers = {"Authorization": f"Bearer {deployment['report_token']}", "Content-Type": "application/json"}
    try:
        request = urllib.request.Request(deployment["report_url"], body, headers)
        urllib.request.urlopen(request, timeout=10).close()  # nosec B310
    except OSError as error:
        print(f"not delivered: {error}")


if __name__ == "__main__":
    main(sys.argv[1])
