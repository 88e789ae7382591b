"""What is asked of AWS, against what the policy and docs/operating.md allow."""

import fnmatch
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.model import OperationModel
from django.utils import timezone
from ecdeployer.aws import addresses, ec2, images, questions, ssm, tags
from ecdeployer.aws.session import AWS
from ecdeployer.instances import golden_images, infrastructure, policies, run_documents

from .conftest import BASE_AMI_PARAMETER

OPERATING = Path(__file__).parents[3] / "docs" / "operating.md"
#: Needs no permission.
FREE = {"sts:GetCallerIdentity"}
#: Permissions that IAM checks without a call of that name.
IMPLIED = {"ec2:CreateTags", "iam:PassRole", "ssm:GetParametersByPath", "sts:DecodeAuthorizationMessage"}
ENVIRONMENT = "/sites/application/environment"
DEPLOY_KEY = "/sites/application/deploy-key"


@pytest.fixture
def actions(aws: AWS) -> Iterator[set[str]]:
    """What was asked, as IAM names it."""
    asked: set[str] = set()

    def note(model: OperationModel, **_: Any) -> None:
        asked.add(f"{model.service_model.service_name}:{model.name}")

    clients = (aws.ec2, aws.ssm, aws.iam, aws.sts)
    for client in clients:
        client.meta.events.register("before-call", note)
    yield asked
    for client in clients:
        client.meta.events.unregister("before-call", note)


def do_all_that_the_portal_does(aws: AWS) -> None:
    infrastructure.find(aws)
    request = golden_images.Recipe(
        base_ami_id=ssm.public_parameter(aws, BASE_AMI_PARAMETER),
        instance_type="t3.micro",
        user_data=b"#!/bin/sh\n",
        script_sha256="5" * 64,
    )
    clock = golden_images.Clock(say=lambda _: None, interval=0)
    golden_images.build(aws, request, clock)
    [machine] = ec2.find_machines(aws, tag=(tags.BUILDER, "sites"))
    ec2.start(aws, machine.ec2_id)
    ec2.reboot(aws, machine.ec2_id)
    ec2.stop(aws, machine.ec2_id)
    ec2.set_type(aws, machine.ec2_id, "t3.small")
    ec2.find_impaired(aws)
    tag = tags.address_tags(
        prefix="sites", application="x", address="y", asked_at=timezone.now(), name="shop"
    )
    [address] = [addresses.allocate(aws, tag=tag)]
    addresses.associate(aws, address.allocation_id, machine.ec2_id)
    addresses.find(aws, tag=(tags.PREFIX, "sites"))
    addresses.release(aws, address.allocation_id)
    ec2.find_volumes(aws, tag=(tags.INSTANCE, "x"))
    images.find_images(aws, tag=(tags.PREFIX, "sites"))
    for value in ("one", "two"):
        ssm.put_environment(aws, ENVIRONMENT, {"A": value}, instance_arn=machine.arn)
    ssm.delete_environment(aws, ENVIRONMENT)
    ssm.put_secret(aws, DEPLOY_KEY, "private half")
    ssm.share_secret(aws, DEPLOY_KEY, instance_arn=machine.arn)
    ssm.secret(aws, DEPLOY_KEY)
    ssm.delete_secret(aws, DEPLOY_KEY)
    command_id = ssm.send_command(
        aws,
        document=run_documents.find(aws, "status"),
        ec2_id=machine.ec2_id,
        arguments={"Deployment": ["0" * 36]},
        comment="c",
        timeout=60,
    )
    ssm.find_command(aws, "c", machine.ec2_id)
    ssm.command_result(aws, command_id, machine.ec2_id)
    # moto has neither: what was asked is noted before that.
    with suppress(NotImplementedError):
        questions.answers(aws, command_id)
    with suppress(NotImplementedError):
        questions.online(aws, [machine.ec2_id])


@pytest.mark.django_db
def test_the_portals_policy_allows_what_the_portal_asks_and_no_more(
    aws: AWS, actions: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    list(infrastructure.ensure(aws))
    actions.clear()
    monkeypatch.setattr(ec2, "console_output", _succeeded(ec2.console_output))
    do_all_that_the_portal_does(aws)
    policy = policies.portal_policy(infrastructure.scope_of(aws))
    allowed = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert actions - FREE - allowed == set()
    assert allowed - actions - IMPLIED == set()


def _succeeded(ask: Any) -> Any:
    def output(aws: AWS, ec2_id: str) -> str:
        ask(aws, ec2_id)
        return "ecdeployer image: succeeded"

    return output


def test_the_documentation_names_what_the_operator_needs(
    aws: AWS, actions: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    list(infrastructure.ensure(aws))
    monkeypatch.setattr(infrastructure, "VOLUME_SIZE", 32)
    monkeypatch.setattr(infrastructure, "instance_policy", policies.portal_policy)
    list(infrastructure.ensure(aws))
    [paragraph] = re.findall(
        r"\*\*Whoever runs `ensure_infrastructure`\*\*.*?\n\n", OPERATING.read_text(), re.S
    )
    named = re.findall(r"`(\w+:[\w*]+)`", paragraph)
    unnamed = {
        action for action in actions - FREE if not any(fnmatch.fnmatch(action, name) for name in named)
    }
    assert unnamed == set()
