"""One question to many machines by Run Command, and the answers of all of them page by page."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .documents import Document
from .errors import AWSError
from .session import AWS
from .ssm import PENDING, SUCCESS

#: Machines that one SendCommand takes by their ids.
AT_ONCE = 50


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one machine said; AWS cuts it at 2,500 characters."""

    ec2_id: str
    status: str
    output: str

    @property
    def finished(self) -> bool:
        return self.status not in PENDING

    @property
    def succeeded(self) -> bool:
        return self.status == SUCCESS


def ask(
    aws: AWS,
    *,
    document: Document,
    ec2_ids: Sequence[str],
    arguments: Mapping[str, Sequence[str]],
    comment: str,
) -> str:
    """The command's id; empty where no machine can be asked. Raises AWSError.

    AWS refuses the whole request for one machine that its agent has not told it of: those are left out then.
    """
    try:
        return _send(aws, document=document, ec2_ids=ec2_ids, arguments=arguments, comment=comment)
    except AWSError as error:
        if error.code != "InvalidInstanceId":
            raise
    there = online(aws, ec2_ids)
    left = [ec2_id for ec2_id in ec2_ids if ec2_id in there]
    return _send(aws, document=document, ec2_ids=left, arguments=arguments, comment=comment) if left else ""


def online(aws: AWS, ec2_ids: Iterable[str]) -> set[str]:
    """Those whose agent answers AWS."""
    filters = [{"Key": "InstanceIds", "Values": list(ec2_ids)}]

    def search() -> set[str]:
        pages = aws.ssm.get_paginator("describe_instance_information").paginate(
            Filters=filters,  # type: ignore[arg-type]
            PaginationConfig={"PageSize": 50},
        )
        return {
            found["InstanceId"]
            for page in pages
            for found in page["InstanceInformationList"]
            if found.get("PingStatus") == "Online"
        }

    return aws.ask(search)


def answers(aws: AWS, command_id: str) -> list[Answer]:
    """Of all machines that were asked, fifty with each call."""

    def read() -> list[Answer]:
        pages = aws.ssm.get_paginator("list_command_invocations").paginate(
            CommandId=command_id, Details=True, PaginationConfig={"PageSize": AT_ONCE}
        )
        return [each for page in pages for each in _answers(page["CommandInvocations"])]

    return aws.ask(read)


def _answers(invocations: Iterable[Mapping[str, object]]) -> Iterator[Answer]:
    for found in invocations:
        plugins = found.get("CommandPlugins") or []
        texts = [str(each.get("Output", "")) for each in plugins]  # type: ignore[attr-defined]
        yield Answer(
            ec2_id=str(found["InstanceId"]), status=str(found.get("Status", "")), output="\n".join(texts)
        )


def _send(
    aws: AWS,
    *,
    document: Document,
    ec2_ids: Sequence[str],
    arguments: Mapping[str, Sequence[str]],
    comment: str,
) -> str:
    """30 seconds to reach a machine is the least that AWS takes."""
    answer = aws.ask(
        lambda: aws.ssm.send_command(
            DocumentName=document.name,
            DocumentVersion=document.version,
            InstanceIds=list(ec2_ids),
            Parameters={name: list(texts) for name, texts in arguments.items()},
            Comment=comment[:100],
            TimeoutSeconds=30,
            MaxConcurrency="100%",
            MaxErrors="100%",
        )
    )
    return answer["Command"]["CommandId"]
