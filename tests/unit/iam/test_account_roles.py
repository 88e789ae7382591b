"""The roles of the account's stack, judged by an evaluator that is not ours (tests/iam/roles.py)."""

import copy
import fnmatch
import json

import pytest
from ecdeployer.aws import tags

from tests.iam import judging, recording
from tests.iam.account import own_statements, policy_of
from tests.iam.judging import Evaluator
from tests.iam.requests import BUILDER, SCOPE, Request, World
from tests.iam.roles import ASKED, NEVER, ROLES
from tests.stack_templates import actions

CONDITIONS = sorted(
    {
        (role, statement["Sid"], operator, key)
        for role in ROLES
        for statement in own_statements(role)
        for operator, keys in statement.get("Condition", {}).items()
        for key in keys
    }
)


@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_is_for_is_allowed(evaluator: Evaluator, role: str) -> None:
    judged = zip(ASKED[role], evaluator.judge(policy_of(role), ASKED[role]).verdicts, strict=True)
    assert [request for request, verdict in judged if verdict != "Allowed"] == []


@pytest.mark.parametrize("role", ROLES)
def test_nothing_is_allowed_that_a_role_is_not_for(role: str) -> None:
    wanted = {request.action for request in ASKED[role]}
    given = {action for statement in own_statements(role) for action in actions(statement)}
    assert {action for action in given if not fnmatch.filter(wanted, action)} == set()


@pytest.mark.parametrize(
    ("role", "request_"),
    [(role, request) for role in ROLES for request in NEVER[role]],
    ids=lambda each: each if isinstance(each, str) else f"{each.action}-{each.resource.rpartition(':')[2]}",
)
def test_what_a_role_must_never_do(evaluator: Evaluator, role: str, request_: Request) -> None:
    assert evaluator.judge(policy_of(role), [request_]).verdicts == ["ImplicitlyDenied"]


@pytest.mark.parametrize(("role", "name", "operator", "key"), CONDITIONS)
def test_without_a_condition_something_of_it_would_be_allowed(
    evaluator: Evaluator, role: str, name: str, operator: str, key: str
) -> None:
    policy = copy.deepcopy(policy_of(role))
    statements = [each for each in policy["Statement"] if each["Sid"] == name]
    for statement in statements:
        del statement["Condition"][operator][key]
    requests = [each for each in NEVER[role] if each.action in actions(statements[0])]
    assert "Allowed" in evaluator.judge(policy, requests).verdicts


@pytest.mark.parametrize("role", [role for role in ROLES if role not in ("AccountRole", "PortalRole")])
@pytest.mark.parametrize("service", ["iam", "kms", "rds", "ec2", "ssm", "cloudformation", "secretsmanager"])
def test_a_service_that_a_stage_changes_nothing_of(evaluator: Evaluator, role: str, service: str) -> None:
    changes = evaluator.judge(policy_of(role), [], services=[service]).changes
    assert len(changes) > 10
    judged = evaluator.judge(policy_of(role), [Request(name, "*") for name in changes])
    assert set(judged.verdicts) == {"ImplicitlyDenied"}


#: What making a golden image asks, of what the portal's user asks.
BUILDING = (
    "ec2:CreateImage",
    "ec2:DescribeImages",
    "ec2:DescribeInstances",
    "ec2:DescribeLaunchTemplateVersions",
    "ec2:DescribeSubnets",
    "ec2:GetConsoleOutput",
    "ec2:RunInstances",
    "ec2:StopInstances",
    "ec2:TerminateInstances",
    "ssm:GetParameter",
    "sts:DecodeAuthorizationMessage",
)


def building() -> list[Request]:
    """With a machine that carries the builder's tag, and the image of one that does."""
    world = World(held={tags.PREFIX: SCOPE.prefix, tags.BUILDER: SCOPE.prefix})
    found: list[Request] = []
    for call in recording.known():
        given = call.given
        if call.name == "ec2:RunInstances":
            if tags.BUILDER not in call.parameters:
                continue
            given = json.loads(
                call.parameters.replace(f'"{tags.BUILDER}": "*"', f'"{tags.BUILDER}": "PREFIX"')
            )
        if call.name == "ssm:GetParameter" and given.get("Name") != "BASE":
            continue
        if call.asker == "portal" and call.name in BUILDING:
            found += judging.requests_of(call.name, given, world)
    return found


def test_the_account_s_stage_may_make_a_golden_image_and_no_part_of_that_is_spare(
    evaluator: Evaluator,
) -> None:
    requests = building()
    assert {request.action for request in requests} >= set(BUILDING)
    assert evaluator.judge(policy_of("AccountRole"), requests).allowed
    for statement in BUILDER["Statement"]:
        others = [each for each in policy_of("AccountRole")["Statement"] if each != statement]
        if statement["Sid"] not in ("Look", "PassInstanceRole", "PublishedImages"):  # it has them anyway
            assert not evaluator.judge({"Version": "2012-10-17", "Statement": others}, requests).allowed


def test_the_account_s_stage_may_ask_what_its_commands_ask() -> None:
    """As they were recorded, but what changes a role, which is aws-up's; the image is the portal's affair."""
    asks = {call.name for call in recording.known() if call.asker == "operator"} - judging.FREE
    allowed = {request.action for request in ASKED["AccountRole"]}
    assert asks - allowed == {
        "iam:AddRoleToInstanceProfile",
        "iam:CreateInstanceProfile",
        "iam:CreateRole",
        "iam:PutRolePolicy",
        "iam:RemoveRoleFromInstanceProfile",
        "iam:UpdateAssumeRolePolicy",
    }
