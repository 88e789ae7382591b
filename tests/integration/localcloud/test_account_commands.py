"""aws-up and aws-down in the local cloud, with the account's own templates and the portal's own commands."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from botocore.stub import Stubber

from infrastructure import inventory, parameters, settings, stacks
from infrastructure.aws import AWS
from infrastructure.down import Down
from infrastructure.parameters import Parameters
from infrastructure.portal_commands import Portal
from infrastructure.terminal import RefusalError, Terminal
from infrastructure.up import Up

from .conftest import RunningCloud

IN_ORDER = True
PREFIX = "commanded"


@pytest.fixture(scope="module")
def aws(cloud: RunningCloud) -> Iterator[AWS]:
    """The golden image takes minutes to make, and has tests of its own: the base image stands for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", cloud.endpoint)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setattr(Portal, "golden_image", lambda portal: cloud.image)
        yield AWS("eu-west-1")


@pytest.fixture(scope="module")
def given(aws: AWS) -> Parameters:
    zone = aws.route53.create_hosted_zone(Name="commanded.example.com", CallerReference=PREFIX)["HostedZone"]
    example = parameters.read(parameters.EXAMPLE)
    return replace(
        example,
        prefix=PREFIX,
        domain="commanded.example.com",
        hosted_zone_id=zone["Id"].rpartition("/")[2],
    )


@contextmanager
def what_moto_lacks(aws: AWS, given: Parameters, *, deploys: bool) -> Iterator[None]:
    """CodeConnections, and a pipeline that starts."""
    arn = given.connection_arn
    with Stubber(aws.codeconnections) as connections, Stubber(aws.codepipeline) as pipelines:
        available: Any = {"Connection": {"ConnectionArn": arn, "ConnectionStatus": "AVAILABLE"}}
        connections.add_response("get_connection", available, {"ConnectionArn": arn})
        if deploys:
            pipelines.add_response("start_pipeline_execution", {"pipelineExecutionId": "1"})
        yield
        pipelines.assert_no_pending_responses()


def up(aws: AWS, given: Parameters, *, deploys: bool) -> str:
    """What was said."""
    said = io.StringIO()
    with what_moto_lacks(aws, given, deploys=deploys):
        Up(aws, given, Terminal(out=said, sleep=lambda seconds: None), yes=True).run()
    return said.getvalue()


def down(aws: AWS, given: Parameters, **options: Any) -> str:
    said = io.StringIO()
    terminal = Terminal(out=said, sleep=lambda seconds: None)
    Down(aws, given, terminal, confirmed=PREFIX, **options).run()
    return said.getvalue()


def test_the_account_is_made(aws: AWS, given: Parameters) -> None:
    said = up(aws, given, deploys=False)
    root = stacks.find(aws, PREFIX)
    assert root
    assert root.settled
    assert "launch template   commanded-instances" in said
    assert f"pipeline {root.outputs['Pipeline']} has started" in said
    url = settings._read(aws, f"/{PREFIX}/portal/DATABASE_URL")
    assert re.fullmatch(r"postgresql://ecdeployer:[0-9a-f]{64}@[^/@]+:5432/ecdeployer\?sslmode=require", url)
    assert settings._read(aws, f"/{PREFIX}/portal/REDIS_URL").startswith("rediss://:")


def test_a_second_run_has_nothing_to_do(aws: AWS, given: Parameters) -> None:
    assert "Nothing to do: everything is as the file says." in up(aws, given, deploys=False)


def test_more_machines_are_an_update(aws: AWS, given: Parameters) -> None:
    up(aws, replace(given, machines=3), deploys=True)
    groups = aws._session.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    assert [
        group["DesiredCapacity"] for group in groups if group["AutoScalingGroupName"].startswith(PREFIX)
    ] == [3]


def test_a_site_stands_in_the_way_of_its_end(aws: AWS, given: Parameters, cloud: RunningCloud) -> None:
    tags = [{"Key": "ecdeployer:prefix", "Value": PREFIX}]
    cloud.launch(TagSpecifications=[{"ResourceType": "instance", "Tags": tags}])
    with pytest.raises(RefusalError, match="--with-sites"):
        down(aws, given)


def test_everything_goes(aws: AWS, given: Parameters) -> None:
    aws.s3.put_object(Bucket=stacks.outputs(aws, root(aws))["BackupBucket"], Key="monday.dump", Body=b"1")
    said = down(aws, given, with_sites=True)
    assert "1 objects, with their earlier versions" in said
    assert len(inventory.take(aws, PREFIX).rows()) == 1
    assert [each["Name"] for each in aws.s3.list_buckets()["Buckets"] if PREFIX in each["Name"]] == []
    assert [each["RoleName"] for each in aws.iam.list_roles()["Roles"] if PREFIX in each["RoleName"]] == []
    assert "Nothing of commanded is in this account and region." in down(aws, given)


def root(aws: AWS) -> stacks.Stack:
    found = stacks.find(aws, PREFIX)
    assert found
    return found
