"""Answers of CloudFormation, as its API has them; Stubber holds them to its model."""

from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.stub import Stubber

ROOT = "arn:aws:cloudformation:eu-west-1:123456789012:stack/ecdeployer/1"
NESTED = "arn:aws:cloudformation:eu-west-1:123456789012:stack/ecdeployer-Data-1/2"
STACK = "AWS::CloudFormation::Stack"
_START = datetime(2026, 1, 1, tzinfo=UTC)


def event(
    second: int,
    name: str,
    status: str,
    reason: str = "",
    *,
    kind: str = STACK,
    thing: str = "",
    of: str = ROOT,
) -> dict[str, Any]:
    """``name`` empty: of the stack itself."""
    return {
        "StackId": of,
        "StackName": "ecdeployer",
        "EventId": f"{of}-{second}-{name}-{status}",
        "LogicalResourceId": name or "ecdeployer",
        "PhysicalResourceId": thing if name else of,
        "ResourceType": kind,
        "ResourceStatus": status,
        **({"ResourceStatusReason": reason} if reason else {}),
        "Timestamp": _START + timedelta(seconds=second),
    }


def answer_events(stubber: Stubber, *events: dict[str, Any], of: str = ROOT) -> None:
    """As AWS gives them: the newest first."""
    newest_first = sorted(events, key=lambda each: each["Timestamp"], reverse=True)
    stubber.add_response("describe_stack_events", {"StackEvents": newest_first}, {"StackName": of})


def answer_stack(stubber: Stubber, status: str | None, name: str = "ecdeployer", **more: Any) -> None:
    """None: there is none."""
    if status is None:
        stubber.add_client_error(
            "describe_stacks",
            "ValidationError",
            f"Stack with id {name} does not exist",
            expected_params={"StackName": name},
        )
        return
    stack = {
        "StackId": ROOT,
        "StackName": name,
        "StackStatus": status,
        "CreationTime": _START,
        **more,
    }
    stubber.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": name})


def change(name: str, action: str = "Add", *, kind: str = "AWS::SNS::Topic", **more: str) -> dict[str, Any]:
    return {
        "Type": "Resource",
        "ResourceChange": {"Action": action, "LogicalResourceId": name, "ResourceType": kind, **more},
    }


def change_set_id(name: str) -> str:
    return f"arn:aws:cloudformation:eu-west-1:123456789012:changeSet/{name}/0-1"


def answer_change_set(
    stubber: Stubber,
    *changes: dict[str, Any],
    name: str = "root",
    status: str = "CREATE_COMPLETE",
    reason: str = "",
) -> None:
    found = {
        "ChangeSetId": change_set_id(name),
        "StackId": ROOT,
        "Status": status,
        "Changes": list(changes),
        **({"StatusReason": reason} if reason else {}),
    }
    stubber.add_response("describe_change_set", found, {"ChangeSetName": change_set_id(name)})
