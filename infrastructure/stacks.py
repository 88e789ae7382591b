"""Stacks as CloudFormation reports them, and what may be done with one in each of its states."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from .aws import AWS, AWSError

NESTED = "AWS::CloudFormation::Stack"
#: On a stack, and so on everything in it. Not the portal's own tag: what carries that, the portal ends.
TAG = "ecdeployer:portal"
#: A first creation that was rolled back: nothing is in it, and nothing but its deletion is possible.
EMPTY = "ROLLBACK_COMPLETE"
#: One whose rollback met what is protected from deletion, as the database is from its first minute.
UNDONE_IN_PART = "ROLLBACK_FAILED"
#: A change set was made for it, and it never was more.
PROPOSED = "REVIEW_IN_PROGRESS"
_STUCK = {
    "UPDATE_ROLLBACK_FAILED": "An update failed, and so did undoing it. Remove what stands in its way "
    "(the events name it), then: aws cloudformation continue-update-rollback --stack-name {name} "
    "--region {region}; and run this again.",
    "CREATE_FAILED": "Its creation failed and was not rolled back. "
    "Run ./scripts/aws-down with the same file, then this again.",
    "DELETE_FAILED": "Its deletion failed half-way. Run ./scripts/aws-down with the same file again; "
    "it names what stands in the way.",
    "DELETE_IN_PROGRESS": "It is being deleted. Run ./scripts/aws-down with the same file, which follows "
    "that to its end, then this again.",
    "UPDATE_FAILED": "An update failed and was not rolled back. Remove what stands in its way, then: "
    "aws cloudformation rollback-stack --stack-name {name} --region {region}; and run this again.",
}


@dataclass(frozen=True, kw_only=True)
class Stack:
    id: str
    name: str
    status: str
    reason: str = ""
    protected: bool = False
    parameters: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)

    @property
    def exists(self) -> bool:
        """Whether it holds, or may hold, resources."""
        return self.status not in {PROPOSED, EMPTY}

    @property
    def moving(self) -> bool:
        """Whether CloudFormation is at work on it."""
        return self.status.endswith("_IN_PROGRESS") and self.status != PROPOSED

    @property
    def settled(self) -> bool:
        """Whether it is as its parameters say."""
        return self.status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}

    def stuck(self, region: str) -> str:
        """What to do where nothing can be changed; empty where it can."""
        return _STUCK.get(self.status, "").format(name=self.name, region=region)


@dataclass(frozen=True)
class Resource:
    """``path`` is the logical name behind those of the stacks above it: ``Network/Vpc``."""

    path: str
    type: str
    id: str
    status: str


def find(aws: AWS, name: str) -> Stack | None:
    """By name, or by id; None where there is none, or none any more."""
    try:
        answer = aws.ask(aws.cloudformation.describe_stacks, StackName=name)
    except AWSError as error:
        if error.code == "ValidationError" and "does not exist" in error.message:
            return None
        raise
    [found] = answer["Stacks"]
    if found["StackStatus"] == "DELETE_COMPLETE":
        return None
    return Stack(
        id=found.get("StackId", name),
        name=found["StackName"],
        status=found["StackStatus"],
        reason=found.get("StackStatusReason", ""),
        protected=found.get("EnableTerminationProtection", False),
        parameters={each["ParameterKey"]: each["ParameterValue"] for each in found.get("Parameters", [])},
        outputs={each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])},
    )


def resources(aws: AWS, stack_id: str, *, above: str = "") -> Iterator[Resource]:
    """Of a stack and of those nested in it; nested stacks themselves come first."""
    paginator = aws.cloudformation.get_paginator("list_stack_resources")
    for page in aws.pages(paginator.paginate, StackName=stack_id):
        for found in page["StackResourceSummaries"]:
            if found["ResourceStatus"] == "DELETE_COMPLETE":
                continue
            path = above + found["LogicalResourceId"]
            resource = Resource(
                path, found["ResourceType"], found.get("PhysicalResourceId", ""), found["ResourceStatus"]
            )
            yield resource
            if resource.type == NESTED and resource.id:
                yield from resources(aws, resource.id, above=f"{path}/")


def outputs(aws: AWS, stack: Stack) -> dict[str, str]:
    """Of the stack, and of those nested in it where it does not say itself."""
    found: dict[str, str] = {}
    for resource in resources(aws, stack.id):
        if resource.type == NESTED and resource.id:
            nested = find(aws, resource.id)
            found |= nested.outputs if nested else {}
    return found | stack.outputs


def delete(aws: AWS, stack: Stack) -> None:
    """Ask for it; ``events.follow`` shows how it goes."""
    if stack.protected:
        protection = aws.cloudformation.update_termination_protection
        aws.ask(protection, StackName=stack.name, EnableTerminationProtection=False)
    aws.ask(aws.cloudformation.delete_stack, StackName=stack.id)
