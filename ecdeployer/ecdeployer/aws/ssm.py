"""Parameter Store and Run Command."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from . import tags
from .command_ends import CommandEnd, end_of
from .documents import Document
from .errors import AWSError
from .session import AWS

#: What a standard parameter holds, in characters (base64 is ASCII), and how many parameters one environment
#: may take: DeleteParameters and GetParameters take ten names a call.
PART_SIZE = 4096
PARTS = 10

PENDING = frozenset({"Pending", "InProgress", "Delayed", "Cancelling"})
SUCCESS = "Success"
#: What AWS's clock and ours may differ by: AWS refuses a signature that is five minutes off.
CLOCKS = timedelta(minutes=10)


class EnvironmentTooLargeError(AWSError):
    """An environment that does not fit into ten parameters."""

    def __init__(self, size: int) -> None:
        most = PARTS * PART_SIZE - len(f"{PARTS}:")
        message = f"The environment takes {size:,} characters when stored; at most {most:,} fit."
        super().__init__(
            code="EnvironmentTooLarge",
            message=message,
            person=f"{message} Shorten its values: each byte takes one and a third of them.",
        )


@dataclass(frozen=True, kw_only=True)
class CommandResult:
    """``status`` is one word of Run Command's Status; ``details`` is its StatusDetails without spaces.

    ``exit_code`` is None until the command has run. Output is cut by AWS at 24,000 characters.
    """

    status: str
    exit_code: int | None
    stdout: str
    stderr: str
    details: str = ""

    @property
    def finished(self) -> bool:
        return self.status not in PENDING

    @property
    def end(self) -> CommandEnd | None:
        """How it ended without success; None while it runs and when it did."""
        return None if not self.finished or self.status == SUCCESS else end_of(self.status, self.details)


def environment_parts(values: Mapping[str, str]) -> list[str]:
    """The texts of ``<path>/0``, ``<path>/1`` and so on. The first begins with their number and a colon."""
    document = json.dumps(dict(values), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    encoded = base64.b64encode(document.encode()).decode("ascii")
    for count in range(1, PARTS + 1):
        text = f"{count}:{encoded}"
        if len(text) <= count * PART_SIZE:
            return [text[start : start + PART_SIZE] for start in range(0, len(text), PART_SIZE)]
    raise EnvironmentTooLargeError(len(encoded))


def put_environment(aws: AWS, path: str, values: Mapping[str, str], *, instance_arn: str) -> None:
    """Store an environment for the one machine that may read it (see docs/user-data-contract.md).

    Part 0 is written last: who waits for it finds the others. Raises EnvironmentTooLargeError before anything
    is written.
    """
    parts = environment_parts(values)
    tag = {tags.INSTANCE: instance_arn, tags.PARTS: str(len(parts))}
    for number in reversed(range(len(parts))):
        _put_secret(aws, f"{path}/{number}", parts[number], tag=tag)
    if len(parts) < PARTS:
        _delete(aws, path, range(len(parts), PARTS))


def delete_environment(aws: AWS, path: str) -> int:
    """How many parameters there were; 0 proves that none is left."""
    return _delete(aws, path, range(PARTS))


def put_secret(aws: AWS, name: str, value: str) -> None:
    """Store one text, or another in its place. Who may read it stays: nobody but the portal at first."""
    aws.ask(lambda: aws.ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True))


def share_secret(aws: AWS, name: str, *, instance_arn: str) -> None:
    """From now on this one machine may read it, and no other. Kind ``not-found`` where there is none."""
    tag_list = tags.to_list({tags.INSTANCE: instance_arn})
    aws.ask(lambda: aws.ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=name, Tags=tag_list))


def secret(aws: AWS, name: str) -> str:
    """Kind ``not-found`` where there is none."""
    answer = aws.ask(lambda: aws.ssm.get_parameter(Name=name, WithDecryption=True))
    return answer["Parameter"]["Value"]


def delete_secret(aws: AWS, name: str) -> int:
    """How many there were; 0 proves that it is gone."""
    return len(aws.ask(lambda: aws.ssm.delete_parameters(Names=[name])).get("DeletedParameters", []))


def public_parameter(aws: AWS, name: str) -> str:
    """For instance the AMI id that a distribution publishes for this region."""
    answer = aws.ask(lambda: aws.ssm.get_parameter(Name=name))
    return answer["Parameter"]["Value"]


def send_command(
    aws: AWS,
    *,
    document: Document,
    ec2_id: str,
    arguments: Mapping[str, Sequence[str]],
    comment: str,
    timeout: int,
) -> str:
    """Send, and answer the command's id. SendCommand has no idempotency token: call find_command first.

    ``timeout`` is how many seconds the delivery may take (30 at least); the document limits the run itself.
    Kind ``not-found``, retryable: the machine's agent is not up yet.
    """
    answer = aws.ask(
        lambda: aws.ssm.send_command(
            DocumentName=document.name,
            DocumentVersion=document.version,
            InstanceIds=[ec2_id],
            Parameters={name: list(texts) for name, texts in arguments.items()},
            Comment=comment[:100],
            TimeoutSeconds=max(timeout, 30),
        )
    )
    return answer["Command"]["CommandId"]


def find_command(aws: AWS, comment: str, ec2_id: str, *, since: datetime) -> str | None:
    """The newest command of that machine with that comment, of those sent after ``since``.

    AWS keeps them for thirty days: a machine that is asked for figures has had fourteen thousand by then.
    """
    after = (since - CLOCKS).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def search() -> str | None:
        asked = aws.ssm.get_paginator("list_commands").paginate(
            InstanceId=ec2_id, Filters=[{"key": "InvokedAfter", "value": after}]
        )
        for page in asked:
            for command in page["Commands"]:
                if command.get("Comment") == comment[:100]:
                    return command["CommandId"]
        return None

    return aws.ask(search)


def command_result(aws: AWS, command_id: str, ec2_id: str) -> CommandResult:
    """Kind ``not-found``, retryable: sent a moment ago, and AWS does not list it yet."""
    answer = aws.ask(lambda: aws.ssm.get_command_invocation(CommandId=command_id, InstanceId=ec2_id))
    # AWS gives -1 while there is no exit code.
    exit_code = answer.get("ResponseCode", -1)
    return CommandResult(
        status=answer["Status"],
        exit_code=None if exit_code == -1 else exit_code,
        stdout=answer.get("StandardOutputContent", ""),
        stderr=answer.get("StandardErrorContent", ""),
        details=answer.get("StatusDetails", "").replace(" ", ""),
    )


def _put_secret(aws: AWS, name: str, value: str, *, tag: Mapping[str, str]) -> None:
    """PutParameter takes tags only for a new parameter. An old one changes its reader before its value."""
    tag_list = tags.to_list(tag)
    try:
        aws.ask(
            lambda: aws.ssm.put_parameter(
                Name=name, Value=value, Type="SecureString", Tier="Standard", Tags=tag_list
            )
        )
    except AWSError as error:
        if error.code != "ParameterAlreadyExists":
            raise
        aws.ask(
            lambda: aws.ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=name, Tags=tag_list)
        )
        aws.ask(lambda: aws.ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True))


def _delete(aws: AWS, path: str, numbers: Sequence[int]) -> int:
    names = [f"{path}/{number}" for number in numbers]
    return len(aws.ask(lambda: aws.ssm.delete_parameters(Names=names)).get("DeletedParameters", []))
