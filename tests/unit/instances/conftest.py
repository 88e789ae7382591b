from collections.abc import Iterator
from typing import Any

import pytest
from botocore.model import OperationModel
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application
from ecdeployer.aws.session import AWS, connect
from ecdeployer.instances import infrastructure, run_documents
from ecdeployer.instances.models import GoldenImage, Instance
from moto import mock_aws
from moto.ec2.models.amis import Ami, AmiBackend
from pytest_django import Settings

BASE_AMI_PARAMETER = "/base/ami"


_moto_create_image = AmiBackend.create_image


def _create_image(
    self: AmiBackend,
    instance_id: str,
    name: str,
    description: str,
    tag_specifications: list[dict[str, Any]],
) -> Ami:
    """moto has no tags for the snapshots of an image; EC2 takes them in the same call."""
    taken = [each for each in tag_specifications if each["ResourceType"] != "snapshot"]
    return _moto_create_image(self, instance_id, name, description, taken)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[AWS]:
    """An empty account in moto, in this process: no socket. A parameter of ours names its base image."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    settings.AWS_REGION = "eu-west-1"
    settings.AWS_ENDPOINT_URL = None
    settings.RESOURCE_PREFIX = "sites"
    settings.BASE_AMI_PARAMETER = BASE_AMI_PARAMETER
    monkeypatch.setattr(AmiBackend, "create_image", _create_image)
    run_documents.forget()
    with mock_aws():
        aws = connect("eu-west-1", None)
        base = aws.ec2.register_image(Name="base", RootDeviceName="/dev/xvda")["ImageId"]
        aws.ssm.put_parameter(Name=BASE_AMI_PARAMETER, Value=base, Type="String")
        yield aws


@pytest.fixture
def calls(aws: AWS) -> Iterator[list[str]]:
    """The names of the operations that were asked of AWS since the test began."""
    asked: list[str] = []

    def note(model: OperationModel, **_: Any) -> None:
        asked.append(model.name)

    clients = (aws.ec2, aws.ssm, aws.iam, aws.sts)
    for client in clients:
        client.meta.events.register("before-call", note)
    yield asked
    for client in clients:
        client.meta.events.unregister("before-call", note)


@pytest.fixture
def account(aws: AWS) -> AWS:
    """An account that is ready: infrastructure, and a golden image that the database knows."""
    list(infrastructure.ensure(aws))
    base = aws.ssm.get_parameter(Name=BASE_AMI_PARAMETER)["Parameter"]["Value"]
    GoldenImage.objects.create(ami_id=base, name="golden", base_ami_id=base, script_sha256="0" * 64)
    return aws


@pytest.fixture
def instance(db: None) -> Instance:
    """One that was only asked for."""
    owner = User.objects.create(username="alice")
    application = Application.objects.create(
        owner=owner,
        name="shop",
        project_name="shop",
        github_url="https://github.com/o/r",
        instance_type="t3.micro",
    )
    return Instance.objects.create(application=application, instance_type="t3.micro")
