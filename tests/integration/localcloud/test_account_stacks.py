"""The account's templates, made, changed and ended; localcloud/stacks.py lists what is a record alone."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from localcloud import stacks
from tests.stack_templates import BOOTSTRAP, FOLDER, NAMES, ROOT, load

from .conftest import RunningCloud

IN_ORDER = True
PREFIX = "stacked"


@dataclass
class Account:
    """The two stacks that ``./scripts/aws-up`` makes, and what root was given."""

    cloud: RunningCloud
    parameters: dict[str, str] = field(default_factory=dict)

    def __getattr__(self, service: str) -> Any:
        return self.cloud.client(service)

    def ask(self, operation: str, name: str, template: str, parameters: dict[str, str]) -> None:
        getattr(self.cloudformation, operation)(
            StackName=name,
            TemplateBody=(FOLDER / f"{template}.yaml").read_text(),
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
            Capabilities=["CAPABILITY_IAM"],
        )

    def stacks(self) -> dict[str, str]:
        """Of this prefix, each with its state."""
        found = self.cloudformation.describe_stacks()["Stacks"]
        return {
            each["StackName"]: each["StackStatus"] for each in found if each["StackName"].startswith(PREFIX)
        }

    def outputs(self, name: str) -> dict[str, str]:
        [stack] = self.cloudformation.describe_stacks(StackName=name)["Stacks"]
        return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}

    def group(self) -> list[Any]:
        asked = self.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[f"{PREFIX}-portal"])
        return list(asked["AutoScalingGroups"])


@pytest.fixture(scope="module")
def account(cloud: RunningCloud) -> Account:
    return Account(cloud)


def nested(account: Account, template: str) -> str:
    """The stack's name: root's, and the logical name there."""
    logical = template.title().replace("_", "")
    [name] = [name for name in account.stacks() if name.startswith(f"{PREFIX}-{logical}-")]
    return name


def test_every_template_is_made(account: Account) -> None:
    for secret in ("database-password", "redis-token"):
        name = f"/{PREFIX}/secrets/{secret}"
        account.ssm.put_parameter(Name=name, Type="SecureString", Value="x" * 32)
    account.ask("create_stack", f"{PREFIX}-bootstrap", BOOTSTRAP, {"Prefix": PREFIX})
    bucket = account.outputs(f"{PREFIX}-bootstrap")["Bucket"]
    for name in NAMES:
        body = (FOLDER / f"{name}.yaml").read_bytes()
        account.s3.put_object(Bucket=bucket, Key=f"templates/{name}.yaml", Body=body)
    zone = account.route53.create_hosted_zone(Name="example.com", CallerReference=PREFIX)["HostedZone"]["Id"]
    account.parameters = {
        "Prefix": PREFIX,
        "Domain": "portal.example.com",
        "HostedZoneId": zone.rpartition("/")[2],
        "Repository": "ada/portal",
        "ConnectionArn": f"arn:aws:codeconnections:eu-west-1:123456789012:connection/{'0' * 36}",
        "OperatorEmail": "ada@example.com",
        "BudgetUsd": "100",
        "DatabasePasswordVersion": "1",
        "RedisTokenVersion": "1",
        "TemplatesUrl": f"https://{bucket}.s3.eu-west-1.amazonaws.com/templates",
        "Bucket": bucket,
        "ImageId": account.cloud.image,
    }
    account.ask("create_stack", PREFIX, ROOT, account.parameters)
    assert set(account.stacks().values()) == {"CREATE_COMPLETE"}


@pytest.mark.parametrize("template", sorted(set(NAMES) - {ROOT, BOOTSTRAP}))
def test_a_nested_stack_has_all_of_its_resources_and_outputs(account: Account, template: str) -> None:
    name = nested(account, template)
    found = account.cloudformation.list_stack_resources(StackName=name)["StackResourceSummaries"]
    assert {each["LogicalResourceId"] for each in found} == load(template)["Resources"].keys()
    assert account.outputs(name).keys() == load(template).get("Outputs", {}).keys()
    assert all(account.outputs(name).values())


def test_what_was_made_is_what_the_templates_say(account: Account) -> None:
    [database] = account.rds.describe_db_instances(DBInstanceIdentifier=f"{PREFIX}-portal")["DBInstances"]
    assert (database["StorageEncrypted"], database["PubliclyAccessible"]) == (True, False)
    network = account.outputs(nested(account, "network"))
    groups = account.ec2.describe_security_groups(
        GroupIds=[network[each] for each in ("PortalGroup", "DatabaseGroup", "RedisGroup")]
    )["SecurityGroups"]
    assert [rule["IpRanges"] for each in groups for rule in each["IpPermissions"]] == [[], [], []]
    [group] = account.group()
    assert (group["DesiredCapacity"], group["HealthCheckType"]) == (2, "ELB")
    assert account.outputs(PREFIX)["DatabasePort"] == "5432"


CHANGES = {
    "Machines": "3",
    "LogRetentionDays": "60",
    "DatabaseClass": "db.t4g.small",
    "Repository": "ada/portal-two",
    "ImageId": "ami-0123456789abcdef0",
}
#: They have no parameter but the prefix, which everything is named after.
STEADY = {"network", "portal_policy"}


def test_other_parameters_are_an_update_of_what_they_concern(account: Account) -> None:
    before = account.stacks()
    account.parameters |= CHANGES
    account.ask("update_stack", PREFIX, ROOT, account.parameters)
    assert account.stacks().keys() == before.keys()
    steady = {name for name, state in account.stacks().items() if state == "CREATE_COMPLETE"}
    assert steady == {f"{PREFIX}-bootstrap", *(nested(account, template) for template in STEADY)}
    [group] = account.group()
    assert group["DesiredCapacity"] == 3
    template = f"{PREFIX}-portal"
    versions = account.ec2.describe_launch_template_versions(LaunchTemplateName=template)
    images = {each["LaunchTemplateData"]["ImageId"] for each in versions["LaunchTemplateVersions"]}
    assert CHANGES["ImageId"] in images
    image = account.ssm.get_parameter(Name=f"/{PREFIX}/image")["Parameter"]
    assert image["Value"] == CHANGES["ImageId"]


@pytest.mark.parametrize("template", sorted(STEADY | {BOOTSTRAP}))
def test_another_text_of_a_template_is_an_update_of_its_stack(account: Account, template: str) -> None:
    name = f"{PREFIX}-bootstrap" if template == BOOTSTRAP else nested(account, template)
    before = account.cloudformation.list_stack_resources(StackName=name)["StackResourceSummaries"]
    text = (FOLDER / f"{template}.yaml").read_text().replace("EC Django Deployer:", "The portal:", 1)
    parameters = [{"ParameterKey": "Prefix", "ParameterValue": PREFIX}]
    account.cloudformation.update_stack(StackName=name, TemplateBody=text, Parameters=parameters)
    assert account.stacks()[name] == "UPDATE_COMPLETE"
    after = account.cloudformation.list_stack_resources(StackName=name)["StackResourceSummaries"]
    assert [each["PhysicalResourceId"] for each in after] == [each["PhysicalResourceId"] for each in before]


def test_the_stacks_end_and_leave_nothing_but_what_moto_leaves(account: Account) -> None:
    bucket = account.parameters["Bucket"]
    for name in NAMES:
        account.s3.delete_object(Bucket=bucket, Key=f"templates/{name}.yaml")
    for version in account.s3.list_object_versions(Bucket=bucket).get("Versions", []):
        account.s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
    for marker in account.s3.list_object_versions(Bucket=bucket).get("DeleteMarkers", []):
        account.s3.delete_object(Bucket=bucket, Key=marker["Key"], VersionId=marker["VersionId"])
    network = account.outputs(nested(account, "network"))["Network"]
    for name in (PREFIX, f"{PREFIX}-bootstrap"):
        account.cloudformation.delete_stack(StackName=name)
    assert account.stacks() == {}
    assert account.group() == []
    assert all(PREFIX not in each["Name"] for each in account.s3.list_buckets()["Buckets"])
    assert account.elbv2.describe_load_balancers()["LoadBalancers"] == []
    assert account.rds.describe_db_instances()["DBInstances"] == []
    assert account.sns.list_topics()["Topics"] == []
    assert account.logs.describe_log_groups()["logGroups"] == []
    assert [each for each in account.iam.list_roles()["Roles"] if PREFIX in each["RoleName"]] == []
    mine = [{"Name": "vpc-id", "Values": [network]}]
    assert account.ec2.describe_subnets(Filters=mine)["Subnets"] == []
    tables = account.ec2.describe_route_tables(Filters=mine)["RouteTables"]
    assert bool(tables) is ("AWS::EC2::RouteTable" in stacks.LEFT)
