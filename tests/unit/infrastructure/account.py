"""An account in moto with what must be there before: and templates small enough for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
from botocore.stub import Stubber
from moto.cloudformation.models import ChangeSet

from infrastructure import parameters, up
from infrastructure.aws import AWS
from infrastructure.portal_commands import Portal
from infrastructure.templates import Templates
from localcloud import stacks

BOOTSTRAP = """
Parameters: {Prefix: {Type: String}}
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties: {BucketName: !Sub "${Prefix}-artifacts", VersioningConfiguration: {Status: Enabled}}
Outputs: {Bucket: {Value: !Ref Bucket}}
"""
_FOUND = ["TemplatesUrl", "Bucket", "ImageId", "DatabasePasswordVersion", "RedisTokenVersion"]
_TAKEN = [*parameters.read(parameters.EXAMPLE).for_root(), *_FOUND]
ROOT = (
    f"Parameters: {{{', '.join(f'{name}: {{Type: String}}' for name in _TAKEN)}}}"
    """
Resources:
  Data:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: !Sub "${TemplatesUrl}/data.yaml", Parameters: {Prefix: !Ref Prefix}}
  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: !Sub "${Prefix}-alarms"}}
Outputs: {Pipeline: {Value: !Sub "${Prefix}-portal"}}
"""
)
DATA = """
Parameters: {Prefix: {Type: String}}
Resources:
  Backups:
    Type: AWS::S3::Bucket
    Properties: {BucketName: !Sub "${Prefix}-backups", VersioningConfiguration: {Status: Enabled}}
  Database:
    Type: AWS::RDS::DBInstance
    Properties:
      DBInstanceIdentifier: !Sub "${Prefix}-portal"
      Engine: postgres
      DBInstanceClass: db.t4g.micro
      AllocatedStorage: "20"
      MasterUsername: ecdeployer
      MasterUserPassword: !Sub "{{resolve:ssm-secure:/${Prefix}/secrets/database-password}}"
      DeletionProtection: true
Outputs:
  DatabaseHost: {Value: database.internal}
  DatabasePort: {Value: "5432"}
  RedisHost: {Value: redis.internal}
  RedisPort: {Value: "6379"}
  StaticBucket: {Value: ecdeployer-static}
"""
IMAGE = "ami-0123456789abcdef0"


@contextmanager
def mended_moto() -> Iterator[None]:
    """Of the local cloud's corrections the one that these templates need."""
    with mock.patch.object(ChangeSet, "apply", stacks.apply):
        yield


def templates(folder: Path) -> Templates:
    folder.mkdir(exist_ok=True)
    for name, text in {"bootstrap": BOOTSTRAP, "root": ROOT, "data": DATA}.items():
        (folder / f"{name}.yaml").write_text(text)
    return Templates(folder)


def make_zone(aws: AWS, name: str = "example.com") -> str:
    """Its id."""
    made = aws.route53.create_hosted_zone(Name=name, CallerReference=name)
    return made["HostedZone"]["Id"].rpartition("/")[2]


def answer_connection(stubber: Stubber, arn: str, status: str = "AVAILABLE") -> None:
    """moto has no CodeConnections."""
    connection: Any = {"Connection": {"ConnectionArn": arn, "ConnectionStatus": status}}
    stubber.add_response("get_connection", connection, {"ConnectionArn": arn})


def answer_pipeline(stubber: Stubber) -> None:
    stubber.add_response(
        "start_pipeline_execution", {"pipelineExecutionId": "1"}, {"name": "ecdeployer-portal"}
    )


def refuse_pipeline(stubber: Stubber) -> None:
    named = {"name": "ecdeployer-portal"}
    stubber.add_client_error(
        "start_pipeline_execution", "ThrottlingException", "Rate exceeded", expected_params=named
    )


def replace_portal(monkeypatch: pytest.MonkeyPatch, user: ModuleType = up) -> mock.Mock:
    """The portal's own commands, which have tests of their own, where a module uses them."""
    commands = mock.create_autospec(Portal, instance=True)
    commands.golden_image.return_value = IMAGE

    @contextmanager
    def portal(terminal: object, settings: object) -> Iterator[mock.Mock]:
        commands.settings = settings
        yield commands

    monkeypatch.setattr(user, "portal", portal)
    return commands  # type: ignore[no-any-return]
