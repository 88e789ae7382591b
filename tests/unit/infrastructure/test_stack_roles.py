"""Who may assume which role, and what each may do."""

import re
from pathlib import Path
from typing import Any

import pytest
from ecdeployer.instances.policy_template import render

from tests.stack_templates import FOLDER, actions, find, resources, statements

ROLES = {role.id: role for role in resources("AWS::IAM::Role")}
TRUST = {
    "PortalRole": "ec2.amazonaws.com",
    "BuildRole": "codebuild.amazonaws.com",
    "AccountRole": "codebuild.amazonaws.com",
    "DeployRole": "codedeploy.amazonaws.com",
    "PipelineRole": "codepipeline.amazonaws.com",
}
#: What takes no resource, or only looks.
ANYWHERE = re.compile(
    r"(\w+:(Describe|List)[\w*]*|tag:GetResources|ssm:UpdateInstanceInformation|ssmmessages:\w+)"
)
OPERATING = Path(__file__).parents[3] / "docs" / "operating.md"


def test_the_portals_policy_is_the_codes_own() -> None:
    assert (FOLDER / "portal_policy.yaml").read_text() == render(), "run manage.py policy_template"


def test_each_role_is_assumed_by_one_service() -> None:
    trusted = {}
    for name, role in ROLES.items():
        [statement] = role.properties["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Action"] == "sts:AssumeRole"
        trusted[name] = statement["Principal"]
    assert trusted == {name: {"Service": service} for name, service in TRUST.items()}


@pytest.mark.parametrize("name", ["AccountRole", "BuildRole"])
def test_codebuild_assumes_a_role_for_this_account_alone(name: str) -> None:
    [statement] = ROLES[name].properties["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


@pytest.mark.parametrize("name", TRUST)
def test_what_changes_anything_names_what_it_changes(name: str) -> None:
    for statement in statements(ROLES[name]):
        assert statement["Effect"] == "Allow"
        if statement["Resource"] == "*":
            assert [action for action in actions(statement) if not ANYWHERE.fullmatch(action)] == []


@pytest.mark.parametrize("name", TRUST)
def test_no_role_has_a_service_as_a_whole(name: str) -> None:
    wild = [action for statement in statements(ROLES[name]) for action in actions(statement) if "*" in action]
    assert wild == (["ec2:Describe*"] if name == "AccountRole" else [])


def resource_of(statement: dict[str, Any]) -> str:
    """Behind the account, or the attribute of one of the template's own."""
    [(function, value)] = statement["Resource"].items()
    return ".".join(value) if function == "Fn::GetAtt" else str(value).partition("${AWS::AccountId}:")[2]


def test_only_the_account_stage_touches_roles_and_only_the_sites_one() -> None:
    touching = {
        (name, resource_of(statement))
        for name, role in ROLES.items()
        for statement in statements(role)
        if any(action.startswith("iam:") for action in actions(statement))
    }
    assert touching == {
        ("AccountRole", "role/${Prefix}-${AWS::Region}-instance"),
        ("AccountRole", "instance-profile/${Prefix}-${AWS::Region}-instance"),
        ("DeployRole", "PortalRole.Arn"),
    }


def test_the_portal_has_the_portals_policy_and_the_account_stage_the_builders_and_nobody_else_any() -> None:
    attached = {
        name: role.properties["ManagedPolicyArns"]
        for name, role in ROLES.items()
        if "ManagedPolicyArns" in role.properties
    }
    assert attached == {
        "PortalRole": [{"Ref": "PortalPolicy"}],
        "AccountRole": [{"Ref": "BuilderPolicy"}],
    }


#: What changes a role is aws-up's alone, and so is what tags a new one.
ROLES_CHANGE = re.compile(r"iam:(?!Get|PassRole)\w+")


def test_the_account_stage_may_do_what_the_documentation_says_but_change_no_role() -> None:
    page = OPERATING.read_text().partition("**Whoever runs `ensure_infrastructure`**")[2]
    needed = set(re.findall(r"`(\w+:[\w*]+)`", page.partition("\n\n")[0]))
    policy = find("roles", "AccountRole").properties["Policies"][1]
    assert policy["PolicyName"] == "infrastructure"
    given = {action for statement in policy["PolicyDocument"]["Statement"] for action in actions(statement)}
    assert needed
    assert given == {action for action in needed if not ROLES_CHANGE.fullmatch(action)} < needed


def test_the_build_reaches_the_source_and_the_bundle_alone() -> None:
    reached = {
        (action, str(statement["Resource"]["Fn::Sub"]).partition("${Bucket}")[2])
        for statement in statements(ROLES["BuildRole"])
        for action in actions(statement)
        if action.startswith("s3:") and "Object" in action
    }
    assert reached == {
        ("s3:GetObject", "/*/Source/*"),
        ("s3:GetObjectVersion", "/*/Source/*"),
        ("s3:PutObject", "/*/Bundle/*"),
    }


def test_nobody_but_the_portal_reads_parameters_by_path() -> None:
    readers = {
        name
        for name, role in ROLES.items()
        for statement in statements(role)
        if any(action.startswith("ssm:GetParameter") for action in actions(statement))
    }
    assert readers == {"AccountRole"}
    [settings] = [each for each in statements(ROLES["AccountRole"]) if each["Sid"] == "Settings"]
    names = {str(resource["Fn::Sub"]).rpartition("/")[2] for resource in settings["Resource"]}
    assert not {"SECRET_KEY", "DATABASE_URL", "REDIS_URL", "METRICS_TOKEN", "*"} & names
