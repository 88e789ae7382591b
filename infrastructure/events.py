"""What happens in a stack and in those nested in it, as it happens, until it has ended."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from . import stacks
from .aws import AWS, AWSError
from .stacks import NESTED
from .terminal import RefusalError, Terminal

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackEventTypeDef

#: Seconds between two looks, and without news until it is said that it goes on.
_INTERVAL, _SILENCE = 5, 60
#: The last status that a stack reports of itself in an operation.
ENDS = {
    "CREATE_COMPLETE",
    "CREATE_FAILED",
    "ROLLBACK_COMPLETE",
    "ROLLBACK_FAILED",
    "UPDATE_COMPLETE",
    "UPDATE_FAILED",
    "UPDATE_ROLLBACK_COMPLETE",
    "UPDATE_ROLLBACK_FAILED",
    "DELETE_COMPLETE",
    "DELETE_FAILED",
}
_GOOD = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE"}
_THEN = {
    "ROLLBACK_COMPLETE": "CloudFormation removed what it had made: nothing is left of it.",
    "UPDATE_ROLLBACK_COMPLETE": "CloudFormation put everything back as it was before: the portal goes on.",
    "ROLLBACK_FAILED": "CloudFormation could not remove all that it had made.",
    "UPDATE_ROLLBACK_FAILED": "CloudFormation could not put everything back.",
    "DELETE_FAILED": "The rest of the stack is still there.",
}
#: Said of what was stopped because something else had failed, and by stacks of those within them.
_ECHOES = re.compile(r"cancelled|was not successfully|The following resource\(s\) failed", re.IGNORECASE)
_PLAIN = (
    (
        "already exists",
        "Something of that name is there already, and not of this stack: remove or rename it.",
    ),
    ("not authorized", "The credentials lack a permission: use those of an administrator of the account."),
    ("AccessDenied", "The credentials lack a permission: use those of an administrator of the account."),
    ("LimitExceeded", "The account's quota is used up: ask for more in Service Quotas."),
    ("maximum number of", "The account's quota is used up: ask for more in Service Quotas."),
    (
        "InsufficientInstanceCapacity",
        "AWS has no machine of that type free there: run it again, or choose another.",
    ),
    ("Failed to receive", "A machine did not say in time that it works: look at its log in CloudWatch."),
)


@dataclass(frozen=True)
class Event:
    """``path`` is the logical name behind those of the stacks above it; empty for the stack itself."""

    id: str
    path: str
    type: str
    resource_id: str
    status: str
    reason: str
    at: datetime

    @property
    def failed(self) -> bool:
        return self.status.endswith("_FAILED")


@dataclass
class Operation:
    """One creation, update or deletion of a stack: what is known from before it is passed over."""

    aws: AWS
    stack_id: str
    seen: set[str] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)
    began: datetime | None = None
    #: Whether there is no such stack any more: one that never was more than proposed reports no end.
    gone: bool = False
    #: The stacks nested in it, by id: what their events' names begin with.
    nested: dict[str, str] = field(default_factory=dict)

    @property
    def end(self) -> str:
        """The stack's last status; empty while it goes on."""
        if self.gone:
            return "DELETE_COMPLETE"
        own = [event for event in self.events if not event.path]
        return own[-1].status if own and own[-1].status in ENDS else ""

    def look(self) -> list[Event]:
        """What is new, oldest first."""
        news = self._news(self.stack_id, "")
        if news and self.began is None:
            self.began = min(event.at for event in news)
        for stack_id, above in list(self.nested.items()):
            news += self._news(stack_id, above)
        news.sort(key=lambda event: event.at)
        self.events += news
        return news

    def _news(self, stack_id: str, above: str) -> list[Event]:
        """Newest first, down to what is known or older than the operation.

        What a nested stack says of itself the stack above it says, too.
        """
        news: list[Event] = []
        for found in _reported(self.aws, stack_id):
            if found["EventId"] in self.seen or (above and self.began and found["Timestamp"] < self.began):
                break
            self.seen.add(found["EventId"])
            news.append(_event(found, stack_id, above))
        for event in news:
            if event.type == NESTED and event.resource_id not in {"", stack_id}:
                self.nested.setdefault(event.resource_id, f"{event.path}/")
        return [event for event in news if not above or event.resource_id != stack_id]


def coming(aws: AWS, stack_id: str) -> Operation:
    """The operation that is about to be asked for."""
    return Operation(aws, stack_id, seen={found["EventId"] for found in _reported(aws, stack_id)})


def running(aws: AWS, stack_id: str) -> Operation:
    """The one that goes on now: it began when the stack last reported that somebody had asked for it."""
    before: set[str] = set()
    passed = False
    for found in _reported(aws, stack_id):
        if passed:
            before.add(found["EventId"])
        passed = passed or (
            found.get("PhysicalResourceId") == stack_id
            and found.get("ResourceStatusReason", "").lower() == "user initiated"
        )
    return Operation(aws, stack_id, seen=before)


def follow_to_success(operation: Operation, terminal: Terminal, what: str) -> None:
    """Raises RefusalError, which names what failed first, why, and what CloudFormation did then."""
    follow(operation, terminal)
    _require_good(operation, what)


def follow(operation: Operation, terminal: Terminal) -> str:
    """Show every event until the stack's last, which it gives back."""
    try:
        return _follow(operation, terminal)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            "Interrupted. CloudFormation goes on by itself; run the same command again: "
            "it follows that to its end, and then does the rest."
        ) from None


def _follow(operation: Operation, terminal: Terminal) -> str:
    heard = terminal.now()
    while not operation.end:
        news = operation.look()
        for event in news:
            _show(event, terminal)
        heard = terminal.now() if news else heard
        if terminal.now() - heard >= _SILENCE:
            operation.gone = stacks.find(operation.aws, operation.stack_id) is None
            terminal.step(f"… waiting for {', '.join(_at_work(operation.events)) or 'the stack'}")
            heard = terminal.now()
        if not operation.end:
            terminal.sleep(_INTERVAL)
    return operation.end


def _require_good(operation: Operation, what: str) -> None:
    if operation.end in _GOOD:
        return
    failure = first_failure(operation.events)
    lines = [f"{what} failed."]
    if failure:
        lines.append(f"First to fail: {failure.path or 'the stack itself'} ({failure.type}).")
        lines.append(f"AWS says: {failure.reason or 'nothing more'}")
        lines += [plain for mark, plain in _PLAIN if mark.lower() in failure.reason.lower()][:1]
    lines.append(_THEN.get(operation.end, f"The stack is {operation.end}."))
    raise RefusalError("\n".join(lines))


def first_failure(events: Sequence[Event]) -> Event | None:
    """The cause: not what was cancelled because of it, nor a stack that says that something in it failed."""
    failed = [event for event in events if event.failed]
    causes = [event for event in failed if event.type != NESTED and not _ECHOES.search(event.reason)]
    return next(iter(causes or failed), None)


def _at_work(events: Sequence[Event]) -> list[str]:
    latest = {event.path: event.status for event in events if event.path and event.type != NESTED}
    return [path for path, status in latest.items() if status.endswith("_IN_PROGRESS")][:3]


def _show(event: Event, terminal: Terminal) -> None:
    terminal.step(f"{event.status:<28} {event.path or 'the stack':<36} {event.type}".rstrip())
    if event.failed and event.reason:
        terminal.say(f"          {event.reason}")


def _reported(aws: AWS, stack_id: str) -> Iterator["StackEventTypeDef"]:
    """Newest first. A nested stack that was only just asked for may not be known yet."""
    paginator = aws.cloudformation.get_paginator("describe_stack_events")
    try:
        for page in aws.pages(paginator.paginate, StackName=stack_id):
            yield from page["StackEvents"]
    except AWSError as error:
        if error.code != "ValidationError" or "does not exist" not in error.message:
            raise


def _event(found: "StackEventTypeDef", stack_id: str, above: str) -> Event:
    resource_id = found.get("PhysicalResourceId", "")
    own = resource_id == stack_id
    return Event(
        id=found["EventId"],
        path=above.rstrip("/") if own else above + found.get("LogicalResourceId", ""),
        type=found.get("ResourceType", ""),
        resource_id=resource_id,
        status=found.get("ResourceStatus", ""),
        reason=found.get("ResourceStatusReason", ""),
        at=found["Timestamp"],
    )
