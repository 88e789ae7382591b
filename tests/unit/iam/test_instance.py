"""The instances' policy: a machine fetches its scripts and its own secrets, and can do nothing else."""

import ast
from pathlib import Path

import pytest
from ecdeployer.aws import tags

from tests.iam.judging import Evaluator
from tests.iam.requests import INSTANCE, NAMESPACE, SCOPE, Context, Request

SCRIPTS = Path(__file__).parents[3] / "user_data"
OWN = SCOPE.arn("ec2", "instance/i-1")
OTHERS = SCOPE.arn("ec2", "instance/i-2")
KEY, PART = "parameter/sites/app/deploy-key", "parameter/sites/app/environment/0"
#: By method of botocore's: what the scripts in user_data/ ask.
CALLS = {"get_document": "ssm:GetDocument", "get_parameter": "ssm:GetParameter"}
#: What AWS's agent asks for the sake of Run Command.
AGENT = [
    "ssm:ListAssociations",
    "ssm:ListInstanceAssociations",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
    "ec2messages:AcknowledgeMessage",
    "ec2messages:DeleteMessage",
    "ec2messages:FailMessage",
    "ec2messages:GetEndpoint",
    "ec2messages:GetMessages",
    "ec2messages:SendReply",
]


def of_machine(action: str, resource: str, context: Context | None = None) -> Request:
    return Request(action, resource, {"ec2:SourceInstanceARN": OWN, **(context or {})})


def reading(parameter: str, *, owner: str = "", action: str = "ssm:GetParameter") -> Request:
    """A parameter that is tagged with the machine that may read it."""
    context = {f"{key}/{tags.INSTANCE}": owner for key in ("aws:ResourceTag", "ssm:resourceTag") if owner}
    return of_machine(action, SCOPE.arn("ssm", parameter), {**context})


ASKED = [
    of_machine("ssm:GetDocument", SCOPE.arn("ssm", "document/sites-deploy")),
    reading(KEY, owner=OWN),
    reading(PART, owner=OWN),
    of_machine("ssm:UpdateInstanceInformation", OWN),
    of_machine("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": NAMESPACE}),
    *(of_machine(action, "*") for action in AGENT),
]
NEVER = [
    reading(KEY, owner=OTHERS),
    reading(PART, owner=OTHERS),
    reading(PART),
    reading("parameter/sites/portal/SECRET_KEY", owner=OWN),
    reading("parameter/sites/secrets/database-password", owner=OWN),
    reading("parameter/other/app/environment/0", owner=OWN),
    reading(PART, owner=OWN, action="ssm:PutParameter"),
    reading(PART, owner=OWN, action="ssm:AddTagsToResource"),
    reading("parameter/sites/app/environment", owner=OWN, action="ssm:GetParametersByPath"),
    of_machine("ssm:GetDocument", SCOPE.arn("ssm", "document/sites-act")),
    of_machine("ssm:GetDocument", SCOPE.arn("ssm", "document/other-deploy")),
    of_machine("ssm:SendCommand", SCOPE.arn("ssm", "document/sites-deploy")),
    of_machine("ssm:DescribeParameters", "*"),
    of_machine("ec2:DescribeInstances", "*"),
    of_machine("ec2:DescribeTags", "*"),
    of_machine("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "AWS/EC2"}),
    of_machine("iam:ListRoles", "*"),
    of_machine("sts:AssumeRole", f"arn:aws:iam::{SCOPE.account}:role/sites-portal"),
]


def test_what_a_machine_asks_is_allowed(evaluator: Evaluator) -> None:
    judged = zip(ASKED, evaluator.judge(INSTANCE, ASKED).verdicts, strict=True)
    assert [request for request, verdict in judged if verdict != "Allowed"] == []


def test_nothing_is_allowed_that_no_machine_asks() -> None:
    allowed = {action for statement in INSTANCE["Statement"] for action in statement["Action"]}
    assert allowed == {request.action for request in ASKED}


@pytest.mark.parametrize("request_", NEVER, ids=lambda each: f"{each.action}-{each.resource.split(':')[-1]}")
def test_what_a_machine_must_never_do(evaluator: Evaluator, request_: Request) -> None:
    assert evaluator.judge(INSTANCE, [request_]).verdicts == ["ImplicitlyDenied"]


@pytest.mark.parametrize("service", ["ec2", "iam"])
def test_a_machine_changes_nothing_of_the_account(evaluator: Evaluator, service: str) -> None:
    changes = evaluator.judge(INSTANCE, [], services=[service]).changes
    assert len(changes) > 50
    judgement = evaluator.judge(INSTANCE, [of_machine(name, "*") for name in changes])
    assert set(judgement.verdicts) == {"ImplicitlyDenied"}


def test_the_scripts_ask_what_is_listed_here() -> None:
    """A client of botocore's is called ``client`` in user_data/, wherever it is used."""
    asked = set()
    for path in SCRIPTS.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "client"
            ):
                asked.add(node.attr)
    assert {CALLS[method] for method in asked} == {"ssm:GetDocument", "ssm:GetParameter"}
