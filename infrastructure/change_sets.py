"""What a stack would become: asked of CloudFormation, shown, and then carried out or thrown away."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .aws import AWS, AWSError
from .stacks import TAG, Stack
from .terminal import RefusalError, Terminal

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import ChangeTypeDef, DescribeChangeSetOutputTypeDef

_INTERVAL, _LIMIT = 3, 600
_NOTHING = re.compile(r"didn't contain changes|No updates are to be performed", re.IGNORECASE)
#: What CloudFormation calls what it finds before it makes anything.
_VALIDATION = "EarlyValidation"
_ARN = re.compile(r"arn:[^\s:]+:cloudformation:\S+:changeSet/[^\s,]+?(?=[\s,.]*(?:\s|$))")


@dataclass(frozen=True)
class Template:
    """Its text, or where CloudFormation reads it; one of the two is empty."""

    text: str = ""
    url: str = ""

    @property
    def arguments(self) -> dict[str, Any]:
        return {"TemplateURL": self.url} if self.url else {"TemplateBody": self.text}


@dataclass(frozen=True)
class Change:
    action: str
    path: str
    type: str
    replacement: str


@dataclass(frozen=True, kw_only=True)
class ChangeSet:
    """``changes`` are those of resources, in nested stacks too."""

    id: str
    stack_id: str
    changes: tuple[Change, ...]


def arguments(
    name: str, template: Template, parameters: Mapping[str, str], *, prefix: str, new: bool
) -> dict[str, Any]:
    """CreateChangeSet's."""
    return {
        "StackName": name,
        "ChangeSetName": f"aws-up-{uuid.uuid4().hex[:12]}",
        "ChangeSetType": "CREATE" if new else "UPDATE",
        **template.arguments,
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        "Capabilities": ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        "IncludeNestedStacks": True,
        "Tags": [{"Key": TAG, "Value": prefix}],
    }


def propose(
    aws: AWS, terminal: Terminal, request: Mapping[str, Any], *, stack: Stack | None
) -> ChangeSet | None:
    """None where nothing would change; raises RefusalError with CloudFormation's reason."""
    try:
        made = aws.ask(aws.cloudformation.create_change_set, **request)
    except AWSError as error:
        if not _NOTHING.search(error.message):
            raise
        return None
    found = _wait(aws, terminal, made["Id"])
    if found["Status"] == "FAILED" and not _is_nothing(found):
        raise RefusalError(f"AWS refuses these changes of {request['StackName']}: {_reason(aws, found)}")
    changes = tuple(_changes(aws, found))
    proposed = ChangeSet(id=made["Id"], stack_id=made["StackId"], changes=changes)
    if _is_nothing(found) or (found["Changes"] and not changes):
        discard(aws, proposed, stack=stack)
        return None
    return proposed


def _wait(aws: AWS, terminal: Terminal, change_set_id: str) -> "DescribeChangeSetOutputTypeDef":
    deadline = terminal.now() + _LIMIT
    while (found := _describe(aws, change_set_id))["Status"] in {"CREATE_PENDING", "CREATE_IN_PROGRESS"}:
        if terminal.now() > deadline:
            raise RefusalError(f"The change set {change_set_id} took longer than {_LIMIT // 60} minutes.")
        terminal.sleep(_INTERVAL)
    return found


def execute(aws: AWS, change_set: ChangeSet) -> None:
    """Ask for it; ``events.follow`` shows how it goes."""
    token = uuid.uuid4().hex
    aws.ask(aws.cloudformation.execute_change_set, ChangeSetName=change_set.id, ClientRequestToken=token)


def discard(aws: AWS, change_set: ChangeSet, *, stack: Stack | None) -> None:
    """Throw it away, with the name that a stack that never came to be holds."""
    aws.ask(aws.cloudformation.delete_change_set, ChangeSetName=change_set.id)
    if stack is None or not stack.exists:
        aws.ask(aws.cloudformation.delete_stack, StackName=change_set.stack_id)


def rows(changes: tuple[Change, ...]) -> list[tuple[str, str, str, str]]:
    """The table that a person reads, what is replaced or removed first."""
    order = {"Remove": 0, "Modify": 2, "Add": 3}
    by_weight = sorted(
        changes, key=lambda each: (1 if each.replacement == "yes" else order.get(each.action, 2), each.path)
    )
    head = ("RESOURCE", "TYPE", "ACTION", "REPLACEMENT")
    return [head, *((each.path, each.type, each.action.lower(), each.replacement) for each in by_weight)]


def _describe(aws: AWS, change_set_id: str) -> "DescribeChangeSetOutputTypeDef":
    """With every page of its changes."""
    paginator = aws.cloudformation.get_paginator("describe_change_set")
    first, *others = aws.pages(paginator.paginate, ChangeSetName=change_set_id)
    for page in others:
        first["Changes"] = [*first["Changes"], *page["Changes"]]
    return first


def _changes(aws: AWS, found: "DescribeChangeSetOutputTypeDef", above: str = "") -> list[Change]:
    """A nested stack is named where it comes or goes, and where nothing is told of what changes in it."""
    changes = []
    for each in found.get("Changes", []):
        change, nested = _change(each, above)
        if nested:
            within = _describe(aws, nested)
            changes += [] if _is_nothing(within) else _changes(aws, within, f"{change.path}/")
        if not nested or change.action != "Modify":
            changes.append(change)
    return changes


def _change(change: "ChangeTypeDef", above: str) -> tuple[Change, str]:
    """And the change set of what is nested in it."""
    found = change.get("ResourceChange", {})
    made = Change(
        action=found.get("Action", ""),
        path=above + found.get("LogicalResourceId", ""),
        type=found.get("ResourceType", ""),
        replacement={"True": "yes", "Conditional": "perhaps"}.get(found.get("Replacement", ""), "no"),
    )
    return made, found.get("ChangeSetId", "")


def _is_nothing(found: "DescribeChangeSetOutputTypeDef") -> bool:
    return found["Status"] == "FAILED" and bool(_NOTHING.search(found.get("StatusReason", "")))


def _reason(aws: AWS, found: "DescribeChangeSetOutputTypeDef") -> str:
    """Where a nested change set failed the outer one only names it; of a validation it names the kind."""
    reason = found.get("StatusReason", "no reason given")
    nested = _ARN.search(reason)
    if nested:
        return f"{reason} {_reason(aws, _describe(aws, nested[0]))}"
    return " ".join([reason, *_findings(aws, found)]) if _VALIDATION in reason else reason


def _findings(aws: AWS, found: "DescribeChangeSetOutputTypeDef") -> list[str]:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeEvents.html"""
    failed: Any = {"FailedEvents": True}
    paginator = aws.cloudformation.get_paginator("describe_events")
    pages = aws.pages(paginator.paginate, ChangeSetName=found["ChangeSetId"], Filters=failed)
    events = [event for page in pages for event in page["OperationEvents"]]
    return [
        f"{event.get('LogicalResourceId', '')}: {event.get('ValidationStatusReason', '')}"
        for event in events
        if event.get("EventType") == "VALIDATION_ERROR"
    ]
