"""aws-down in an account that moto plays, with everything in it that a portal and its sites leave."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber
from moto import mock_aws

from infrastructure import inventory, settings, sites
from infrastructure.aws import AWS
from infrastructure.down import Down
from infrastructure.parameters import Parameters
from infrastructure.terminal import RefusalError
from infrastructure.up import Up
from tests.aws_stubs import Stub
from tests.unit.infrastructure import account
from tests.unit.infrastructure.conftest import Screen

TAGS: Any = [{"Key": "ecdeployer:prefix", "Value": "ecdeployer"}]


@pytest.fixture(autouse=True)
def _moto() -> Iterator[None]:
    with mock_aws(), account.mended_moto():
        yield


@pytest.fixture
def parameters(given: Parameters, aws: AWS) -> Parameters:
    return replace(given, hosted_zone_id=account.make_zone(aws))


@pytest.fixture
def standing(
    aws: AWS, parameters: Parameters, stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A portal that stands, with a backup."""
    account.replace_portal(monkeypatch)
    account.answer_connection(stub("codeconnections"), parameters.connection_arn)
    Up(aws, parameters, Screen().terminal, yes=True, templates=account.templates(tmp_path)).run()
    aws.s3.put_object(Bucket="ecdeployer-backups", Key="monday.dump", Body=b"1")
    aws.s3.put_object(Bucket="ecdeployer-backups", Key="monday.dump", Body=b"2")
    aws.s3.delete_object(Bucket="ecdeployer-backups", Key="monday.dump")


@pytest.fixture
def foundations(aws: AWS) -> None:
    """What ensure_infrastructure makes."""
    vpc = aws.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    aws.ec2.create_security_group(GroupName="ecdeployer-instances", Description="x", VpcId=vpc)
    aws.ec2.create_launch_template(
        LaunchTemplateName="ecdeployer-instances", LaunchTemplateData={"InstanceType": "t3.micro"}
    )
    role = "ecdeployer-eu-west-1-instance"
    allow: Any = {"Effect": "Allow", "Action": "ec2:DescribeImages", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    aws.iam.create_role(RoleName=role, AssumeRolePolicyDocument="{}")
    aws.iam.put_role_policy(RoleName=role, PolicyName="instance", PolicyDocument=policy)
    aws.iam.create_instance_profile(InstanceProfileName=role)
    aws.iam.add_role_to_instance_profile(InstanceProfileName=role, RoleName=role)
    content = {"schemaVersion": "2.2", "description": "x", "mainSteps": []}
    for kind in ("deploy", "status"):
        aws.ssm.create_document(
            Name=f"ecdeployer-{kind}", Content=json.dumps(content), DocumentType="Command", Tags=TAGS
        )


@pytest.fixture
def site(aws: AWS) -> str:
    """Its machine's id; it has an address and an environment, and came from a golden image."""
    base = aws.ec2.register_image(Name="base", RootDeviceName="/dev/xvda")["ImageId"]
    tagged: Any = [{"ResourceType": "instance", "Tags": [*TAGS, {"Key": "Name", "Value": "guestbook"}]}]
    machine: str = aws.ec2.run_instances(ImageId=base, MinCount=1, MaxCount=1, TagSpecifications=tagged)[
        "Instances"
    ][0]["InstanceId"]
    image = aws.ec2.create_image(InstanceId=machine, Name="golden")["ImageId"]
    aws.ec2.create_tags(Resources=[image], Tags=TAGS)
    addressed: Any = [{"ResourceType": "elastic-ip", "Tags": TAGS}]
    aws.ec2.allocate_address(Domain="vpc", TagSpecifications=addressed)
    aws.ssm.put_parameter(Name="/ecdeployer/app/environment/0", Value="x", Type="SecureString")
    return machine


def down(aws: AWS, parameters: Parameters, screen: Screen, **options: Any) -> None:
    Down(aws, parameters, screen.terminal, **options).run()


@pytest.mark.usefixtures("standing", "foundations", "site")
def test_everything_goes(aws: AWS, parameters: Parameters) -> None:
    screen = Screen(typed="ecdeployer\n")
    down(aws, parameters, screen, with_sites=True)
    left = inventory.take(aws, "ecdeployer")
    assert left.rows() == [("WHAT", "NAME", "IS")]
    assert aws.s3.list_buckets()["Buckets"] == []
    assert aws.rds.describe_db_instances()["DBInstances"] == []
    assert aws.ec2.describe_addresses()["Addresses"] == []
    assert aws.ec2.describe_launch_templates()["LaunchTemplates"] == []
    assert aws.iam.list_roles()["Roles"] == []
    assert aws.iam.list_instance_profiles()["InstanceProfiles"] == []
    groups = aws.ec2.describe_security_groups()["SecurityGroups"]
    assert "ecdeployer-instances" not in {group["GroupName"] for group in groups}
    documents = aws.ssm.list_documents(Filters=[{"Key": "Owner", "Values": ["Self"]}])["DocumentIdentifiers"]
    assert documents == []


@pytest.mark.usefixtures("standing", "foundations", "site")
def test_it_says_before_what_goes(aws: AWS, parameters: Parameters) -> None:
    screen = Screen(typed="no\n")
    with pytest.raises(RefusalError, match="Nothing was removed"):
        down(aws, parameters, screen, with_sites=True)
    for line in (
        "ecdeployer-portal",
        "20 GiB of postgres; a last snapshot is kept",
        "ecdeployer-backups",
        "3 objects, with their earlier versions",
        "guestbook",
        "golden image",
        "in Parameter Store",
    ):
        assert line in screen.text
    assert len(aws.cloudformation.describe_stacks()["Stacks"]) == 3


@pytest.mark.usefixtures("standing")
def test_machines_of_sites_stand_in_the_way(aws: AWS, parameters: Parameters, site: str) -> None:
    screen = Screen(typed="ecdeployer\n")
    with pytest.raises(RefusalError, match="--with-sites"):
        down(aws, parameters, screen)
    assert site in screen.text
    assert len(aws.cloudformation.describe_stacks()["Stacks"]) == 3


@pytest.mark.usefixtures("standing")
def test_the_database_s_protection_is_taken_off(aws: AWS, parameters: Parameters, screen: Screen) -> None:
    aws.rds.modify_db_instance(DBInstanceIdentifier="ecdeployer-portal", DeletionProtection=True)
    down(aws, parameters, screen, confirmed="ecdeployer")
    assert "database ecdeployer-portal: may be deleted now" in screen.text
    assert aws.rds.describe_db_instances()["DBInstances"] == []


@pytest.mark.usefixtures("standing")
def test_a_second_run_finds_nothing(aws: AWS, parameters: Parameters, screen: Screen) -> None:
    down(aws, parameters, screen, confirmed="ecdeployer")
    second = Screen()
    down(aws, parameters, second)
    assert "Nothing of ecdeployer is in this account and region." in second.text


@pytest.mark.usefixtures("standing")
def test_what_a_killed_run_left_goes_with_the_next(aws: AWS, parameters: Parameters, screen: Screen) -> None:
    """The stacks are gone already; buckets that a template keeps, and parameters, are not."""
    aws.s3.create_bucket(Bucket="kept-one", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    tagging: Any = {"TagSet": [{"Key": "ecdeployer:portal", "Value": "ecdeployer"}]}
    aws.s3.put_bucket_tagging(Bucket="kept-one", Tagging=tagging)
    aws.s3.put_object(Bucket="kept-one", Key="a", Body=b"1")
    down(aws, parameters, screen, confirmed="ecdeployer")
    assert aws.s3.list_buckets()["Buckets"] == []
    assert settings.names(aws, "ecdeployer") == []


@pytest.mark.usefixtures("standing")
def test_another_prefix_s_things_stay(aws: AWS, parameters: Parameters, screen: Screen) -> None:
    aws.ssm.put_parameter(Name="/ecdeployer-two/portal/SECRET_KEY", Value="x", Type="SecureString")
    other: Any = [
        {"ResourceType": "elastic-ip", "Tags": [{"Key": "ecdeployer:prefix", "Value": "ecdeployer-two"}]}
    ]
    aws.ec2.allocate_address(Domain="vpc", TagSpecifications=other)
    down(aws, parameters, screen, confirmed="ecdeployer")
    assert settings.names(aws, "ecdeployer-two") == ["/ecdeployer-two/portal/SECRET_KEY"]
    assert len(aws.ec2.describe_addresses()["Addresses"]) == 1


def test_the_wrong_confirmation(aws: AWS, parameters: Parameters, screen: Screen) -> None:
    settings.ensure_secrets(aws, "ecdeployer")
    with pytest.raises(RefusalError, match="--confirm says other"):
        down(aws, parameters, screen, confirmed="other")
    assert len(settings.names(aws, "ecdeployer")) == 3


def test_without_a_terminal_it_wants_to_be_told(aws: AWS, parameters: Parameters, screen: Screen) -> None:
    settings.ensure_secrets(aws, "ecdeployer")
    with pytest.raises(RefusalError, match="Give --confirm ecdeployer"):
        down(aws, parameters, screen)


def test_snapshots_are_named_with_what_removes_them(aws: AWS, parameters: Parameters, screen: Screen) -> None:
    aws.rds.create_db_instance(
        DBInstanceIdentifier="gone", DBInstanceClass="db.t4g.micro", Engine="postgres", AllocatedStorage=20
    )
    aws.rds.create_db_snapshot(
        DBSnapshotIdentifier="last",
        DBInstanceIdentifier="gone",
        Tags=[{"Key": "ecdeployer:portal", "Value": "ecdeployer"}],
    )
    aws.rds.create_db_snapshot(DBSnapshotIdentifier="foreign", DBInstanceIdentifier="gone")
    down(aws, parameters, screen)
    assert "--db-snapshot-identifier last" in screen.text
    assert "foreign" not in screen.text


def test_a_group_that_is_still_held_is_asked_about_again(aws: AWS, screen: Screen) -> None:
    named = {"Filters": [{"Name": "group-name", "Values": ["ecdeployer-instances"]}]}
    there = {"SecurityGroups": [{"GroupId": "sg-1", "GroupName": "ecdeployer-instances"}]}
    with Stubber(aws.ec2) as stubbed:
        stubbed.add_response("describe_security_groups", there, named)
        stubbed.add_client_error("delete_security_group", "DependencyViolation")
        stubbed.add_response("describe_security_groups", there, named)
        stubbed.add_response("delete_security_group", {}, {"GroupId": "sg-1"})
        stubbed.add_response("describe_security_groups", {"SecurityGroups": []}, named)
        sites._remove_group(aws, screen.terminal, "ecdeployer-instances")
    assert screen.seconds == 5


def test_a_group_that_is_held_for_good_is_said(aws: AWS, screen: Screen) -> None:
    there = {"SecurityGroups": [{"GroupId": "sg-1", "GroupName": "ecdeployer-instances"}]}
    with Stubber(aws.ec2) as stubbed:
        for _ in range(181):
            stubbed.add_response("describe_security_groups", there)
            stubbed.add_client_error("delete_security_group", "DependencyViolation")
        stubbed.add_response("describe_security_groups", there)
        with pytest.raises(RefusalError, match="ecdeployer-instances is still in use"):
            sites._remove_group(aws, screen.terminal, "ecdeployer-instances")


def test_an_object_that_cannot_be_deleted_is_named(aws: AWS, parameters: Parameters, screen: Screen) -> None:
    with Stubber(aws.s3) as stubbed:
        stubbed.add_response(
            "delete_objects", {"Errors": [{"Key": "locked", "Code": "AccessDenied", "Message": "held"}]}
        )
        with pytest.raises(Exception, match="AccessDenied: locked: held"):
            Down(aws, parameters, screen.terminal)._delete_versions(
                "bucket", [{"Key": "locked", "VersionId": "1"}]
            )
