import json
from typing import Any

import pytest
from ecdeployer.instances.policies import (
    Scope,
    builder_policy,
    instance_policy,
    instance_trust,
    portal_policy,
)

SCOPE = Scope(partition="aws", region="eu-west-1", account="123456789012", prefix="sites")


def statements(policy: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {statement.get("Sid", ""): statement for statement in policy["Statement"]}


def test_an_instance_reads_only_the_secrets_that_are_tagged_with_its_own_arn() -> None:
    readers = [
        statement
        for statement in instance_policy(SCOPE)["Statement"]
        if any("Parameter" in action for action in statement["Action"])
    ]
    assert readers == [
        {
            "Sid": "OwnSecrets",
            "Effect": "Allow",
            "Action": ["ssm:GetParameter"],
            "Resource": [
                "arn:aws:ssm:eu-west-1:123456789012:parameter/sites/*/environment/*",
                "arn:aws:ssm:eu-west-1:123456789012:parameter/sites/*/deploy-key",
            ],
            "Condition": {
                "StringEquals": {"ssm:resourceTag/ecdeployer:instance": "${ec2:SourceInstanceARN}"}
            },
        }
    ]


def test_the_portal_reads_deploy_keys_and_no_environment() -> None:
    readers = [s for s in portal_policy(SCOPE)["Statement"] if "ssm:GetParameter" in s["Action"]]
    resources = [statement["Resource"] for statement in readers]
    assert resources == [
        "arn:aws:ssm:eu-west-1:123456789012:parameter/sites/*/deploy-key",
        "arn:aws:ssm:eu-west-1::parameter/aws/service/*",
    ]


def test_an_instance_reads_one_document() -> None:
    own = statements(instance_policy(SCOPE))["OwnScripts"]
    assert own["Action"] == ["ssm:GetDocument"]
    assert own["Resource"] == "arn:aws:ssm:eu-west-1:123456789012:document/sites-deploy"


def test_an_instance_has_no_action_of_ec2_or_iam() -> None:
    actions = [action for statement in instance_policy(SCOPE)["Statement"] for action in statement["Action"]]
    assert {action.split(":")[0] for action in actions} == {"ssm", "ssmmessages", "ec2messages"}


def test_an_instance_with_the_agent_puts_figures_into_one_namespace() -> None:
    added = statements(instance_policy(SCOPE, namespace="sites/machines"))
    assert added.keys() - statements(instance_policy(SCOPE)).keys() == {"Figures"}
    assert added["Figures"]["Action"] == ["cloudwatch:PutMetricData"]
    assert added["Figures"]["Condition"] == {"StringEquals": {"cloudwatch:namespace": "sites/machines"}}


@pytest.mark.parametrize(
    ("partition", "service"), [("aws", "ec2.amazonaws.com"), ("aws-cn", "ec2.amazonaws.com.cn")]
)
def test_only_ec2_may_assume_the_role(partition: str, service: str) -> None:
    scope = Scope(partition=partition, region="r", account="1", prefix="p")
    [statement] = instance_trust(scope)["Statement"]
    assert statement["Principal"] == {"Service": service}


def test_a_launch_needs_our_template_our_tag_and_the_metadata_token() -> None:
    launch = statements(portal_policy(SCOPE))["LaunchInstance"]
    assert launch["Condition"] == {
        "ArnLike": {"ec2:LaunchTemplate": "arn:aws:ec2:eu-west-1:123456789012:launch-template/*"},
        "StringEquals": {
            "aws:RequestTag/ecdeployer:prefix": "sites",
            "ec2:MetadataHttpTokens": "required",
        },
    }
    template = statements(portal_policy(SCOPE))["LaunchTemplate"]
    assert template["Condition"] == {"StringEquals": {"ec2:ResourceTag/ecdeployer:prefix": "sites"}}


def test_every_resource_of_a_launch_is_conditional() -> None:
    launching = [s for s in portal_policy(SCOPE)["Statement"] if s["Action"] == ["ec2:RunInstances"]]
    assert all(statement["Condition"] for statement in launching)
    resources = json.dumps([statement["Resource"] for statement in launching])
    for kind in ("instance", "volume", "network-interface", "subnet", "security-group", "image"):
        assert f"{kind}/*" in resources


@pytest.mark.parametrize("name", ["OwnMachines", "OnOwnMachines", "OwnAddresses", "LeadToOwnMachines"])
def test_machines_of_others_are_out_of_reach(name: str) -> None:
    [condition] = statements(portal_policy(SCOPE))[name]["Condition"].values()
    assert list(condition.values()) == ["sites"]


def test_what_needs_no_condition_only_looks() -> None:
    everywhere = [s for s in portal_policy(SCOPE)["Statement"] if s["Resource"] == "*"]
    actions = {action.split(":")[1] for statement in everywhere for action in statement["Action"]}
    assert all(action.startswith(("Describe", "List", "Get", "Decode")) for action in actions)


def test_commands_are_our_own_documents_only() -> None:
    own = statements(portal_policy(SCOPE))["OwnDocuments"]
    assert own["Action"] == ["ssm:SendCommand", "ssm:DescribeDocument"]
    names = [name.rpartition("/")[2] for name in own["Resource"]]
    assert names == ["sites-deploy", "sites-status", "sites-act", "sites-figures"]


def test_one_role_may_be_passed_to_ec2_alone() -> None:
    passing = statements(portal_policy(SCOPE))["PassInstanceRole"]
    assert passing["Resource"] == "arn:aws:iam::123456789012:role/sites-eu-west-1-instance"
    assert "iam:PassedToService" in json.dumps(passing["Condition"])


def test_the_portals_policy_fits_where_it_is_to_go() -> None:
    """A managed policy may have 6,144 characters without its white space; a prefix has twenty at most."""
    for partition, region in (("aws", "ap-southeast-1"), ("aws-us-gov", "us-gov-west-1")):
        scope = Scope(partition=partition, region=region, account=SCOPE.account, prefix="x" * 20)
        for policy in (portal_policy(scope, namespace=scope.prefix), builder_policy(scope)):
            assert len(json.dumps(policy, separators=(",", ":"))) < 6144
    assert len(json.dumps(portal_policy(SCOPE, namespace="x" * 255), separators=(",", ":"))) < 6144


def test_figures_go_to_one_namespace_where_there_is_one() -> None:
    assert "Figures" not in statements(portal_policy(SCOPE))
    figures = statements(portal_policy(SCOPE, namespace="sites"))["Figures"]
    assert figures["Action"] == ["cloudwatch:PutMetricData"]
    assert figures["Condition"] == {"StringEquals": {"cloudwatch:namespace": "sites"}}
