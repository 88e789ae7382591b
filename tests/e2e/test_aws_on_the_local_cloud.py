"""The AWS room, the infrastructure and a golden image against machines that really boot."""

import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from django.conf import settings
from django.utils import timezone
from ecdeployer.aws import ec2, ssm, tags
from ecdeployer.aws.errors import AWSError
from ecdeployer.aws.session import AWS
from ecdeployer.instances import golden_images, infrastructure, run_documents
from ecdeployer.instances.models import GoldenImage
from pytest_django import Settings

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket, pytest.mark.django_db]
Found = TypeVar("Found")
ROOT = Path(__file__).parents[2]
PORT = 4971
SCRIPT = """#!/bin/sh
echo 'ecdeployer image: leaving a mark' >/dev/console
echo marked >/root/mark
echo 'ecdeployer image: {verdict}' >/dev/console
"""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    command = [sys.executable, "-m", "localcloud", "up", "--name", "awstest", "--subnet", "10.219.0.0/24"]
    process = subprocess.Popen([*command, "--port", str(PORT)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("ready "):
                break
        assert lines[-1].startswith("ready "), lines
        yield f"http://127.0.0.1:{PORT}"
    finally:
        process.terminate()
        process.communicate(timeout=60)


@pytest.fixture
def aws(endpoint: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AWS:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    settings.AWS_REGION, settings.AWS_ENDPOINT_URL = "eu-west-1", endpoint
    settings.RESOURCE_PREFIX = f"test{uuid.uuid4().hex[:8]}"
    return AWS("eu-west-1", endpoint)


def recipe(aws: AWS, *, verdict: str) -> golden_images.Recipe:
    return golden_images.Recipe(
        base_ami_id=ssm.public_parameter(aws, "/aws/service/debian/release/12/latest/amd64"),
        instance_type="t3.micro",
        user_data=SCRIPT.format(verdict=verdict).encode(),
        script_sha256=uuid.uuid4().hex * 2,
    )


def wait(look: Callable[[], Found | None], *, seconds: float = 30) -> Found:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.3)
    raise AssertionError(f"nothing in {seconds} s")


def live(aws: AWS) -> list[ec2.Machine]:
    machines = ec2.find_machines(aws, tag=(tags.PREFIX, settings.RESOURCE_PREFIX))
    return [machine for machine in machines if machine.state in ec2.LIVE_STATES]


def test_from_an_empty_account_to_a_machine_of_the_golden_image(aws: AWS) -> None:
    assert {line.outcome for line in infrastructure.ensure(aws)} == {"made"}
    assert {line.outcome for line in infrastructure.ensure(aws)} == {"found"}
    lines: list[str] = []
    image = golden_images.build(aws, recipe(aws, verdict="succeeded"), golden_images.Clock(say=lines.append))
    assert any("leaving a mark" in line for line in lines)
    assert GoldenImage.objects.get() == image
    wait(lambda: live(aws) == [])
    machine = launch(aws, image.ami_id)
    try:
        wait(lambda: "marked" in ec2.console_output(aws, machine.ec2_id))
        run_a_command(aws, machine)
    finally:
        ec2.terminate(aws, machine.ec2_id)
        aws.ec2.deregister_image(ImageId=image.ami_id)
    wait(lambda: live(aws) == [])


def launch(aws: AWS, ami_id: str) -> ec2.Machine:
    """Asked twice with one token: one machine."""
    found = infrastructure.find(aws)
    instance = str(uuid.uuid4())
    request = ec2.LaunchRequest(
        launch_template_id=found.launch_template_id,
        launch_template_version=found.launch_template_version,
        ami_id=ami_id,
        instance_type="t3.micro",
        user_data=b"#!/bin/sh\ncat /root/mark >/dev/console\n",
        client_token=instance,
        tags=tags.instance_tags(
            prefix=settings.RESOURCE_PREFIX,
            application=str(uuid.uuid4()),
            instance=instance,
            attempt=1,
            asked_at=timezone.now(),
            name="mark",
        ),
    )
    machine = ec2.run_instance(aws, request)
    assert ec2.run_instance(aws, request).ec2_id == machine.ec2_id
    assert [other.ec2_id for other in live(aws)] == [machine.ec2_id]
    by_tag = ec2.find_by_instance_tag(aws, instance)
    assert by_tag is not None
    assert by_tag.ec2_id == machine.ec2_id
    return machine


def run_a_command(aws: AWS, machine: ec2.Machine) -> None:
    """The status document for a deployment that the machine has never had; what it answers is not ours."""
    document, deployment = run_documents.find(aws, "status"), str(uuid.uuid4())

    def send() -> str | None:
        try:
            return ssm.send_command(
                aws,
                document=document,
                ec2_id=machine.ec2_id,
                arguments={"Deployment": [deployment]},
                comment=deployment,
                timeout=60,
            )
        except AWSError as error:
            if (error.kind, error.retryable) != ("not-found", True):
                raise
            return None

    def result() -> ssm.CommandResult | None:
        answer = ssm.command_result(aws, command_id, machine.ec2_id)
        return answer if answer.finished else None

    began = datetime.now(UTC)
    command_id = wait(send)
    assert ssm.find_command(aws, deployment, machine.ec2_id, since=began) == command_id
    assert ssm.find_command(aws, deployment, machine.ec2_id, since=began + timedelta(hours=1)) is None
    assert wait(result).exit_code is not None


def test_a_failed_script_leaves_its_console_and_no_machine(aws: AWS) -> None:
    list(infrastructure.ensure(aws))
    clock = golden_images.Clock(say=lambda _: None)
    with pytest.raises(golden_images.BuildError, match="no nginx today") as caught:
        golden_images.build(aws, recipe(aws, verdict="failed: no nginx today"), clock)
    assert "leaving a mark" in caught.value.log
    assert "\x1b" not in caught.value.log
    wait(lambda: live(aws) == [])
