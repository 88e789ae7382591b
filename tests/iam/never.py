"""What the portal must never do: each is one difference away from what it does, and is refused."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ecdeployer.aws import tags

from tests.iam import judging, recording
from tests.iam.requests import SCOPE, Request, World

WORLDS = {
    "of others": World(held={tags.PREFIX: "other"}),
    "of nobody": World(held={}),
    "of another region": World(region="us-east-1"),
}


@dataclass(frozen=True)
class Case:
    """``ours``: what the portal does; none where nothing of the kind is ever allowed."""

    text: str
    never: list[Request]
    ours: list[Request]


def cases() -> Iterator[Case]:
    given = recorded("ec2:RunInstances")
    for text, change in LAUNCHES.items():
        yield _case(f"launching {text}", "ec2:RunInstances", given, given | change)
    for name in OURS:
        for text, world in WORLDS.items():
            yield _case(f"{name} {text}", name, recorded(name), recorded(name), world)
    for text, (name, own, never) in TEXTS.items():
        yield _case(text, name, own, never)
    for kind in ("instance", "volume", "image", "snapshot", "elastic-ip", "security-group"):
        for text, world in {"of ours": World(), **WORLDS}.items():
            tagging = {"kind": kind, "Tags": {tags.PREFIX: "PREFIX"}}
            yield Case(f"tagging {kind} {text}", judging.requests_of("ec2:CreateTags", tagging, world), [])
    for role, service in PASSING:
        ours = _passing(SCOPE.role_name, "ec2.amazonaws.com")
        yield Case(f"passing {role} to {service}", [_passing(role, service)], [ours])


def recorded(name: str) -> dict[str, Any]:
    """The parameters with which the portal asks this."""
    return next(call.given for call in reversed(recording.known()) if call.name == name)


def tagged(*kinds: str, prefix: str = "PREFIX") -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": {tags.PREFIX: prefix}} for kind in kinds]


def _case(
    text: str, name: str, ours: Mapping[str, Any], never: Mapping[str, Any], world: World | None = None
) -> Case:
    """A parameter that is None is not given."""
    changed = {key: value for key, value in never.items() if value is not None}
    return Case(
        text,
        judging.requests_of(name, changed, world or World()),
        judging.requests_of(name, ours, World()),
    )


def _passing(role: str, service: str) -> Request:
    arn = f"arn:aws:iam::{SCOPE.account}:role/{role}"
    return Request("iam:PassRole", arn, {"iam:PassedToService": service})


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
KEY, ENVIRONMENT = "/PREFIX/APPLICATION/deploy-key", "/PREFIX/APPLICATION/environment/PART"
TEXTS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "a shell": ("ssm:SendCommand", {"DocumentName": "PREFIX-act"}, {"DocumentName": "AWS-RunShellScript"}),
    "another's document": ("ssm:SendCommand", {"DocumentName": "PREFIX-act"}, {"DocumentName": "other-act"}),
    "the document of one whose prefix begins with ours": (
        "ssm:SendCommand",
        {"DocumentName": "PREFIX-act"},
        {"DocumentName": "PREFIX-two-act"},
    ),
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
PASSING = [
    (SCOPE.role_name, "lambda.amazonaws.com"),
    (SCOPE.role_name, "ssm.amazonaws.com"),
    (SCOPE.role_name, "ecs-tasks.amazonaws.com"),
    ("admin", "ec2.amazonaws.com"),
    ("sites-portal", "ec2.amazonaws.com"),
]
