"""The account in the local cloud, as the pipeline uses it: by AWS's calls alone."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

ROOT = Path(__file__).resolve().parents[2]
REGION = "eu-west-1"
#: What Run Command ends in.
_ENDED = {"Success", "Failed", "TimedOut", "Cancelled"}


class CommandError(Exception):
    """What a machine said when a command failed on it."""


@dataclass(frozen=True)
class Command:
    """How it ended, and what it said."""

    status: str
    text: str

    @property
    def succeeded(self) -> bool:
        return self.status == "Success"


@dataclass
class Cloud:
    """``endpoint`` as this host reaches it, ``bridge`` its address for machines."""

    endpoint: str
    bridge: str
    _session: boto3.Session = field(
        default_factory=lambda: boto3.Session("test", "test", region_name=REGION), repr=False
    )

    @property
    def inside(self) -> str:
        """The endpoint as machines reach it."""
        return self.endpoint.replace("127.0.0.1", self.bridge)

    def client(self, service: str) -> Any:
        return self._session.client(service, endpoint_url=self.endpoint)  # type: ignore[call-overload]

    def launch(self, image: str, *, user_data: str, name: str, profile: str) -> str:
        """One machine; its id."""
        tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}]
        answer = self.client("ec2").run_instances(
            ImageId=image,
            InstanceType="t3.small",
            MinCount=1,
            MaxCount=1,
            UserData=user_data,
            IamInstanceProfile={"Name": profile},
            TagSpecifications=tags,
        )
        return str(answer["Instances"][0]["InstanceId"])

    def address(self, ec2_id: str) -> str:
        """Where it answers from this host and from other machines."""
        [reservation] = self.client("ec2").describe_instances(InstanceIds=[ec2_id])["Reservations"]
        return str(reservation["Instances"][0]["PrivateIpAddress"])

    def run(self, ec2_id: str, script: str, *, seconds: int = 120) -> str:
        """What a shell script says on a machine. Raises CommandError when it fails there."""
        done = self.try_to_run(ec2_id, script, seconds=seconds)
        if not done.succeeded:
            raise CommandError(f"{ec2_id}: {done.status}\n{done.text}")
        return done.text

    def try_to_run(self, ec2_id: str, script: str, *, seconds: int = 120) -> Command:
        ssm = self.client("ssm")
        command_id = self._send(ssm, ec2_id, script, seconds)
        deadline = time.monotonic() + seconds + 30
        while time.monotonic() < deadline:
            found = ssm.get_command_invocation(CommandId=command_id, InstanceId=ec2_id)
            if found["Status"] in _ENDED:
                text = found["StandardOutputContent"] + found["StandardErrorContent"]
                return Command(found["Status"], text)
            time.sleep(0.1)
        return Command("TimedOut", "no end in time")

    def _send(self, ssm: Any, ec2_id: str, script: str, seconds: int) -> str:
        """A machine that boots is waited for."""
        deadline = time.monotonic() + 60
        while True:
            try:
                answer = ssm.send_command(
                    InstanceIds=[ec2_id],
                    DocumentName="AWS-RunShellScript",
                    Parameters={"commands": [script], "executionTimeout": [str(seconds)]},
                )
                return str(answer["Command"]["CommandId"])
            except ssm.exceptions.InvalidInstanceId:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def keep_settings(self, path: str, settings: Mapping[str, str]) -> None:
        """The portal's settings, in Parameter Store."""
        for name, value in settings.items():
            self.client("ssm").put_parameter(
                Name=f"{path}/{name}", Value=value, Type="SecureString", Overwrite=True
            )

    def make_bucket(self, name: str) -> None:
        """Where there is none yet."""
        s3 = self.client("s3")
        if name not in [each["Name"] for each in s3.list_buckets()["Buckets"]]:
            s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})

    def make_profile(self, name: str) -> None:
        """A role that machines may take; the local cloud judges no policy."""
        iam = self.client("iam")
        there = iam.list_instance_profiles()["InstanceProfiles"]
        if name in [each["InstanceProfileName"] for each in there]:
            return
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
        iam.create_instance_profile(InstanceProfileName=name)
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)


@contextmanager
def local_cloud(*, name: str, subnet: str, port: int, state: Path) -> Iterator[Cloud]:
    """One of its own, until the end of this."""
    command = [sys.executable, "-m", "localcloud", "up", f"--name={name}", f"--subnet={subnet}"]
    command += [f"--port={port}", f"--state={state}"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - a pipe was asked for
            for line in process.stdout:
                if ready := re.match(r"ready endpoint=(\S+) bridge=(\S+)", line):
                    yield Cloud(ready[1], ready[2])
                    return
            raise RuntimeError("the local cloud did not start")
        finally:
            process.terminate()
