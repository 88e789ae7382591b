"""A local cloud for these tests beside any other on the host, and a machine in it that they share."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import boto3
import pytest
from botocore.config import Config

from localcloud import requirements
from localcloud.names import Names

Found = TypeVar("Found")

STATE = Path(os.environ.get("LOCALCLOUD_STATE", "/var/lib/localcloud"))
IMAGE_PARAMETER = "/aws/service/debian/release/12/latest/amd64"


def until(look: Callable[[], Found], *, seconds: float = 30) -> Found:
    """What `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s")
        time.sleep(0.05)


@dataclass(frozen=True)
class RunningCloud:
    """A `python -m localcloud up` of the tests' own."""

    name: str
    endpoint: str
    process: subprocess.Popen[str]

    @property
    def names(self) -> Names:
        return Names(self.name, STATE)

    def client(self, service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint,
            region_name="eu-west-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )

    def launch(self, **request: Any) -> str:
        """The id of a new instance of the base image, unless the request says otherwise."""
        base = {"ImageId": self.image, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
        (launched,) = self.client("ec2").run_instances(**{**base, **request})["Instances"]
        assert launched["State"]["Name"] == "pending"
        return str(launched["InstanceId"])

    @property
    def image(self) -> str:
        return str(self.client("ssm").get_parameter(Name=IMAGE_PARAMETER)["Parameter"]["Value"])

    def describe(self, instance_id: str) -> dict[str, Any]:
        answer = self.client("ec2").describe_instances(InstanceIds=[instance_id])
        found: dict[str, Any] = answer["Reservations"][0]["Instances"][0]
        return found

    def state(self, instance_id: str) -> str:
        return str(self.describe(instance_id)["State"]["Name"])

    def reach(self, instance_id: str, state: str) -> dict[str, Any]:
        """The instance, once it is in a state."""
        until(lambda: self.state(instance_id) == state)
        return self.describe(instance_id)

    def online(self, instance_id: str) -> None:
        """Wait until commands can be sent to the machine."""
        filters = [{"Key": "InstanceIds", "Values": [instance_id]}]

        def look() -> bool:
            found = self.client("ssm").describe_instance_information(Filters=filters)
            return any(one["PingStatus"] == "Online" for one in found["InstanceInformationList"])

        until(look)

    def finish(self, command_id: str, instance_id: str) -> dict[str, Any]:
        """A command's invocation, once it is final."""

        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self.client("ssm").get_command_invocation(
                CommandId=command_id, InstanceId=instance_id
            )
            return None if found["Status"] in ("Pending", "InProgress", "Cancelling") else found

        found = until(look)
        assert found is not None
        return found

    def run(self, instance_id: str, *commands: str) -> str:
        """What commands print in a machine; they must succeed."""
        sent = self.client("ssm").send_command(
            InstanceIds=[instance_id],
            DocumentName="AWS-RunShellScript",
            Parameters={"commands": ["set -eu", *commands]},
        )
        found = self.finish(sent["Command"]["CommandId"], instance_id)
        assert found["Status"] == "Success", (found["StandardOutputContent"], found["StandardErrorContent"])
        return str(found["StandardOutputContent"]).strip()

    def initialized(self, instance_id: str) -> None:
        """Wait until cloud-init has run all of the user data."""
        self.online(instance_id)
        self.run(instance_id, "cloud-init status --wait >/dev/null || cloud-init status --long")

    def terminate(self, *instance_ids: str) -> None:
        self.client("ec2").terminate_instances(InstanceIds=list(instance_ids))
        for instance_id in instance_ids:
            self.reach(instance_id, "terminated")


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def start(name: str, *options: str) -> RunningCloud:
    """A local cloud that is ready; its first start on a host makes the base disk, which takes a minute."""
    port = free_port()
    subnet = f"10.{224 + secrets.randbelow(25)}.{secrets.randbelow(256)}.0/24"
    fixed = ["--name", name, "--state", str(STATE), "--subnet", subnet, "--port", str(port)]
    process = subprocess.Popen(
        [sys.executable, "-m", "localcloud", "up", *fixed, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    said = []
    for line in process.stdout or ():
        said.append(line)
        if line.startswith("ready "):
            return RunningCloud(name, f"http://127.0.0.1:{port}", process)
    process.wait(60)
    if process.stdout:
        process.stdout.close()
    raise AssertionError("".join(said))


def end(cloud: RunningCloud, number: int = signal.SIGTERM) -> int:
    """The exit code."""
    cloud.process.send_signal(number)
    code = cloud.process.wait(60)
    if cloud.process.stdout:
        cloud.process.stdout.close()
    return code


@contextmanager
def running(name: str, *options: str) -> Iterator[RunningCloud]:
    cloud = start(name, *options)
    try:
        yield cloud
    finally:
        if cloud.process.poll() is None:
            end(cloud)


@pytest.fixture(scope="session")
def cloud() -> Iterator[RunningCloud]:
    lacking = requirements.missing(STATE)
    if lacking:
        pytest.fail("\n".join(lacking))
    with running(f"t{secrets.token_hex(4)}", "--machine-pids", "400") as cloud:
        yield cloud


@pytest.fixture(scope="session")
def machine(cloud: RunningCloud) -> str:
    """A running machine with a role, for tests that leave it as it is."""
    iam = cloud.client("iam")
    iam.create_role(RoleName="of-tests", AssumeRolePolicyDocument="{}")
    iam.create_instance_profile(InstanceProfileName="of-tests")
    iam.add_role_to_instance_profile(InstanceProfileName="of-tests", RoleName="of-tests")
    instance_id = cloud.launch(
        IamInstanceProfile={"Name": "of-tests"},
        MetadataOptions={"HttpTokens": "required", "InstanceMetadataTags": "enabled"},
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "shared"}]}],
        UserData="#!/bin/sh\necho user-data-ran\n",
    )
    cloud.initialized(instance_id)
    return instance_id
