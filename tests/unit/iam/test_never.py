"""What the portal must never do: each is one difference away from what it does, and is refused."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from ecdeployer.aws import tags

from tests.iam import judging, recording
from tests.iam.judging import Evaluator
from tests.iam.requests import PORTAL, SCOPE, Request, World

Allowed = Callable[[str, Mapping[str, Any], World], bool]
THEIRS = World(held={tags.PREFIX: "other"})
NOBODYS = World(held={})
ELSEWHERE = World(region="us-east-1")
ROLE = f"arn:aws:iam::{SCOPE.account}:role"


def recorded(name: str) -> dict[str, Any]:
    """The parameters with which the portal asks this."""
    return next(call.given for call in reversed(recording.known()) if call.name == name)


def tagged(*kinds: str, prefix: str = "PREFIX") -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": {tags.PREFIX: prefix}} for kind in kinds]


@pytest.fixture
def allowed(evaluator: Evaluator) -> Allowed:
    def allowed(name: str, given: Mapping[str, Any], world: World) -> bool:
        return evaluator.judge(PORTAL, judging.requests_of(name, given, world)).allowed

    return allowed


LAUNCHES: dict[str, dict[str, Any]] = {
    "without the template": {"LaunchTemplate": None},
    "without a tag": {"TagSpecifications": []},
    "without a tag on the volume": {"TagSpecifications": tagged("instance")},
    "without a tag on the machine": {"TagSpecifications": tagged("volume")},
    "with another's tag": {"TagSpecifications": tagged("instance", "volume", prefix="other")},
    "with the old metadata service": {"MetadataOptions": {"HttpTokens": "optional"}},
    "with another role": {"IamInstanceProfile": {"Name": "admin"}},
    "with the role of another region": {"IamInstanceProfile": {"Name": "sites-us-east-1-instance"}},
    "behind another security group": {"SecurityGroupIds": "*"},
}


@pytest.mark.parametrize("change", LAUNCHES.values(), ids=LAUNCHES)
def test_a_launch(allowed: Allowed, change: dict[str, Any]) -> None:
    given = recorded("ec2:RunInstances")
    changed = {key: value for key, value in (given | change).items() if value is not None}
    assert allowed("ec2:RunInstances", given, World())
    assert not allowed("ec2:RunInstances", changed, World())


OURS = [
    "ec2:AssociateAddress",
    "ec2:CreateImage",
    "ec2:GetConsoleOutput",
    "ec2:ModifyInstanceAttribute",
    "ec2:RebootInstances",
    "ec2:ReleaseAddress",
    "ec2:RunInstances",
    "ec2:StartInstances",
    "ec2:StopInstances",
    "ec2:TerminateInstances",
    "ssm:SendCommand",
]


@pytest.mark.parametrize("world", [THEIRS, NOBODYS, ELSEWHERE], ids=["theirs", "nobody's", "elsewhere"])
@pytest.mark.parametrize("name", OURS)
def test_what_is_not_ours(allowed: Allowed, name: str, world: World) -> None:
    """Machines, addresses and templates without our tag, and those of another region."""
    given = recorded(name)
    assert allowed(name, given, World())
    assert not allowed(name, given, world)


SERVICES = ["iam", "kms", "s3", "rds", "cloudformation", "codedeploy", "secretsmanager"]
KEY, ENVIRONMENT = "/PREFIX/APPLICATION/deploy-key", "/PREFIX/APPLICATION/environment/PART"
TEXTS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "a shell": ("ssm:SendCommand", {"DocumentName": "PREFIX-act"}, {"DocumentName": "AWS-RunShellScript"}),
    "another's document": ("ssm:SendCommand", {"DocumentName": "PREFIX-act"}, {"DocumentName": "other-act"}),
    "another's version": ("ssm:DescribeDocument", {"Name": "PREFIX-act"}, {"Name": "other-act"}),
    "an environment": ("ssm:GetParameter", {"Name": KEY}, {"Name": ENVIRONMENT}),
    "another's key": ("ssm:GetParameter", {"Name": KEY}, {"Name": "/other/APPLICATION/deploy-key"}),
    "a password": ("ssm:GetParameter", {"Name": KEY}, {"Name": "/PREFIX/secrets/database-password"}),
    "a parameter of the account's": ("ssm:GetParameter", {"Name": "BASE"}, {"Name": "/base"}),
    "another's settings": ("ssm:GetParametersByPath", {"Path": "/PREFIX/portal"}, {"Path": "/other/portal"}),
    "every secret": ("ssm:GetParametersByPath", {"Path": "/PREFIX/portal"}, {"Path": "/PREFIX"}),
    "writing its own settings": (
        "ssm:PutParameter",
        {"Name": ENVIRONMENT},
        {"Name": "/PREFIX/portal/SECRET_KEY"},
    ),
    "writing another's secret": (
        "ssm:PutParameter",
        {"Name": ENVIRONMENT},
        {"Name": "/other/APPLICATION/environment/PART"},
    ),
    "ending another's secret": (
        "ssm:DeleteParameters",
        {"Names": [KEY]},
        {"Names": [KEY, "/other/APPLICATION/deploy-key"]},
    ),
    "sharing another's secret": (
        "ssm:AddTagsToResource",
        {"ResourceType": "Parameter", "Tags": {tags.INSTANCE: "*"}, "ResourceId": KEY},
        {"ResourceType": "Parameter", "Tags": {tags.INSTANCE: "*"}, "ResourceId": "/other/x/deploy-key"},
    ),
    "figures of AWS's": (
        "cloudwatch:PutMetricData",
        {"Namespace": "NAMESPACE"},
        {"Namespace": "AWS/EC2"},
    ),
    "an address without a tag": (
        "ec2:AllocateAddress",
        {"TagSpecifications": tagged("elastic-ip")},
        {"TagSpecifications": []},
    ),
    "an image without a tag": (
        "ec2:CreateImage",
        {"TagSpecifications": tagged("image", "snapshot")},
        {"TagSpecifications": tagged("image")},
    ),
}


@pytest.mark.parametrize(("name", "ours", "never"), TEXTS.values(), ids=TEXTS)
def test_what_another_name_would_reach(
    allowed: Allowed, name: str, ours: dict[str, Any], never: dict[str, Any]
) -> None:
    assert allowed(name, ours, World())
    assert not allowed(name, never, World())


@pytest.mark.parametrize("kind", ["instance", "volume", "image", "snapshot", "elastic-ip", "security-group"])
@pytest.mark.parametrize("world", [World(), THEIRS, NOBODYS], ids=["ours", "theirs", "nobody's"])
def test_a_tag_on_what_is_there_already(allowed: Allowed, kind: str, world: World) -> None:
    """With it anybody's machine would be ours to end."""
    assert not allowed("ec2:CreateTags", {"kind": kind, "Tags": {tags.PREFIX: "PREFIX"}}, world)


@pytest.mark.parametrize(
    ("role", "service"),
    [
        (SCOPE.role_name, "lambda.amazonaws.com"),
        (SCOPE.role_name, "ssm.amazonaws.com"),
        (SCOPE.role_name, "ecs-tasks.amazonaws.com"),
        ("admin", "ec2.amazonaws.com"),
        ("sites-portal", "ec2.amazonaws.com"),
    ],
)
def test_a_role_that_is_passed(evaluator: Evaluator, role: str, service: str) -> None:
    def passing(role: str, service: str) -> Request:
        return Request("iam:PassRole", f"{ROLE}/{role}", {"iam:PassedToService": service})

    ours = passing(SCOPE.role_name, "ec2.amazonaws.com")
    assert evaluator.judge(PORTAL, [ours, passing(role, service)]).verdicts == ["Allowed", "ImplicitlyDenied"]


@pytest.mark.parametrize(
    "service", ["iam", "kms", "s3", "rds", "cloudformation", "codedeploy", "secretsmanager"]
)
def test_a_service_that_the_portal_changes_nothing_of(evaluator: Evaluator, service: str) -> None:
    changes = set(evaluator.judge(PORTAL, [], services=[service]).changes) - {"iam:PassRole"}
    assert len(changes) > 10
    judgement = evaluator.judge(PORTAL, [Request(name, "*") for name in sorted(changes)])
    assert set(judgement.verdicts) == {"ImplicitlyDenied"}
