import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from ecdeployer.aws import iam, launch_templates, security_groups
from ecdeployer.aws.session import AWS
from ecdeployer.instances import infrastructure, policies
from ecdeployer.instances.connection import InfrastructureMissingError
from pytest_django import Settings

READS = ("Describe", "Get", "List")


def ensure(aws: AWS) -> dict[str, str]:
    return {f"{line.resource} {line.name}": line.outcome for line in infrastructure.ensure(aws)}


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("ensure_infrastructure", *arguments, stdout=out)
    return out.getvalue()


def default_data(aws: AWS) -> Any:
    answer = aws.ec2.describe_launch_template_versions(
        LaunchTemplateName="sites-instances", Versions=["$Default"]
    )
    return answer["LaunchTemplateVersions"][0]["LaunchTemplateData"]


def test_an_empty_account_gets_everything(aws: AWS) -> None:
    assert ensure(aws) == {
        "security group sites-instances": "made",
        "ports 80, 443": "made",
        "role sites-eu-west-1-instance": "made",
        "role policy instance": "made",
        "instance profile sites-eu-west-1-instance": "made",
        "launch template sites-instances": "made",
        "document sites-deploy": "made",
        "document sites-status": "made",
        "document sites-act": "made",
        "document sites-figures": "made",
    }


def test_a_second_run_finds_all_of_it_and_only_reads(aws: AWS, calls: list[str]) -> None:
    ensure(aws)
    calls.clear()
    assert set(ensure(aws).values()) == {"found"}
    assert [name for name in calls if not name.startswith(READS)] == []
    assert len(calls) <= 14


def test_the_template_asks_for_tokens_and_an_encrypted_disk(aws: AWS) -> None:
    ensure(aws)
    data = default_data(aws)
    assert data["MetadataOptions"]["HttpTokens"] == "required"
    assert data["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    [disk] = data["BlockDeviceMappings"]
    assert disk["Ebs"]["Encrypted"] is True
    assert disk["Ebs"]["VolumeType"] == "gp3"
    assert disk["Ebs"]["DeleteOnTermination"] is True
    assert disk["DeviceName"].startswith("/dev/")
    assert data["IamInstanceProfile"] == {"Name": "sites-eu-west-1-instance"}


def test_a_difference_makes_one_new_version_and_the_old_one_keeps_its_meaning(
    aws: AWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure(aws)
    before = infrastructure.find(aws)
    monkeypatch.setattr(infrastructure, "VOLUME_SIZE", 32)
    outcomes = ensure(aws)
    assert [name for name, outcome in outcomes.items() if outcome != "found"] == [
        "launch template sites-instances"
    ]
    after = infrastructure.find(aws)
    assert (before.launch_template_version, after.launch_template_version) == ("1", "2")
    assert default_data(aws)["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"] == 32
    assert set(ensure(aws).values()) == {"found"}


def test_the_cloudwatch_agent_changes_what_machines_may_do_and_nothing_else(
    aws: AWS, settings: Settings
) -> None:
    ensure(aws)
    settings.CLOUDWATCH_NAMESPACE, settings.CLOUDWATCH_AGENT = "sites", True
    outcomes = ensure(aws)
    assert [name for name, outcome in outcomes.items() if outcome != "found"] == ["role policy instance"]


def test_going_back_takes_the_version_that_is_there(aws: AWS, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure(aws)
    with monkeypatch.context() as patch:
        patch.setattr(infrastructure, "VOLUME_SIZE", 32)
        ensure(aws)
    ensure(aws)
    assert infrastructure.find(aws).launch_template_version == "1"
    assert (
        len(
            aws.ec2.describe_launch_template_versions(LaunchTemplateName="sites-instances")[
                "LaunchTemplateVersions"
            ]
        )
        == 2
    )


def test_ports_that_somebody_opened_are_closed_again(aws: AWS) -> None:
    ensure(aws)
    group = infrastructure.find(aws).security_group_id
    ssh = security_groups.Opening("tcp", 22, 22, "0.0.0.0/0")
    security_groups.open_ports(aws, group, [ssh])
    assert ensure(aws)["ports 80, 443"] == "changed"
    assert set(security_groups.openings(aws, group).values()) == security_groups.web_openings()


def test_a_policy_that_somebody_widened_is_put_right(aws: AWS) -> None:
    ensure(aws)
    name = "sites-eu-west-1-instance"
    wide = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    anyone = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
    iam.put_role_policy(aws, name, "instance", wide)
    iam.put_trust(aws, name, {"Version": "2012-10-17", "Statement": [anyone]})
    outcomes = ensure(aws)
    assert (outcomes["role policy instance"], outcomes[f"role {name}"]) == ("changed", "changed")
    assert set(ensure(aws).values()) == {"found"}


def test_an_empty_profile_gets_its_role(aws: AWS) -> None:
    iam.create_profile(aws, "sites-eu-west-1-instance", tag={})
    assert ensure(aws)["instance profile sites-eu-west-1-instance"] == "changed"
    assert iam.profile_roles(aws, "sites-eu-west-1-instance") == ["sites-eu-west-1-instance"]


def test_a_profile_with_another_role_is_put_right(aws: AWS) -> None:
    name = "sites-eu-west-1-instance"
    iam.create_role(aws, "admin", trust={}, description="", tag={})
    iam.create_profile(aws, name, tag={})
    iam.add_role_to_profile(aws, name, "admin")
    assert ensure(aws)[f"instance profile {name}"] == "changed"
    assert iam.profile_roles(aws, name) == [name]


def test_provisioning_finds_it_with_one_call(aws: AWS, calls: list[str]) -> None:
    ensure(aws)
    calls.clear()
    found = infrastructure.find(aws)
    assert calls == ["DescribeLaunchTemplateVersions"]
    assert found.launch_template_id.startswith("lt-")
    assert found.security_group_id.startswith("sg-")


def test_provisioning_says_what_to_run_where_there_is_none(aws: AWS) -> None:
    with pytest.raises(InfrastructureMissingError) as caught:
        infrastructure.find(aws)
    assert "manage.py ensure_infrastructure" in caught.value.operator
    assert "manage.py" not in caught.value.person
    assert (caught.value.kind, caught.value.retryable) == ("paused", True)


def test_a_template_that_was_made_by_other_means_is_replaced_by_a_version_of_ours(aws: AWS) -> None:
    launch_templates.create(
        aws, "sites-instances", data={"KeyName": "x"}, description="by hand", tag={"a": "b"}
    )
    with pytest.raises(InfrastructureMissingError):
        infrastructure.find(aws)
    assert ensure(aws)["launch template sites-instances"] == "changed"
    assert infrastructure.find(aws).launch_template_version == "2"


def test_the_command_prints_a_table_and_then_that_there_is_nothing_to_do(aws: AWS) -> None:
    table = run()
    assert table.splitlines()[0].split() == ["RESOURCE", "NAME", "WAS", "DETAIL"]
    assert "sites-deploy" in table
    assert "Nothing to do." not in table
    assert "Nothing to do." in run()


def test_the_command_prints_the_portals_policy_and_makes_nothing(aws: AWS, calls: list[str]) -> None:
    policy = json.loads(run("--show-portal-policy"))
    assert policy == policies.portal_policy(infrastructure.scope_of(aws))
    assert set(calls) == {"GetCallerIdentity"}


def test_an_account_without_a_default_vpc_is_told_how_to_get_one(aws: AWS) -> None:
    for subnet in aws.ec2.describe_subnets()["Subnets"]:
        aws.ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    aws.ec2.delete_vpc(VpcId=security_groups.default_vpc(aws))
    with pytest.raises(CommandError, match="aws ec2 create-default-vpc --region eu-west-1"):
        run()


def test_a_base_image_that_is_not_there(aws: AWS, settings: Settings) -> None:
    aws.ssm.put_parameter(Name="/other", Value="ami-0123456789abcdef0", Type="String")
    settings.BASE_AMI_PARAMETER = "/other"
    with pytest.raises(CommandError, match="/other names ami-0123456789abcdef0"):
        run()
