"""AWS's answers and refusals to one question to many machines."""

from typing import Any

import pytest
from ecdeployer.aws import questions
from ecdeployer.aws.documents import Document
from ecdeployer.aws.errors import AWSError
from ecdeployer.aws.session import AWS

from tests.aws_stubs import Stub

MACHINES = [f"i-{number:017x}" for number in range(3)]
COMMAND = "11111111-2222-4333-8444-555555555555"


def sent(ec2_ids: list[str]) -> dict[str, Any]:
    return {
        "DocumentName": "figures",
        "DocumentVersion": "7",
        "InstanceIds": ec2_ids,
        "Parameters": {"since": ["7"]},
        "Comment": "c" * 100,
        "TimeoutSeconds": 30,
        "MaxConcurrency": "100%",
        "MaxErrors": "100%",
    }


def ask(aws: AWS) -> str:
    return questions.ask(
        aws,
        document=Document("figures", "7"),
        ec2_ids=MACHINES,
        arguments={"since": ["7"]},
        comment="c" * 200,
    )


def known(*states: str) -> dict[str, Any]:
    found = [
        {"InstanceId": ec2_id, "PingStatus": state} for ec2_id, state in zip(MACHINES, states, strict=True)
    ]
    return {"InstanceInformationList": found}


LISTED = {"Filters": [{"Key": "InstanceIds", "Values": MACHINES}], "MaxResults": 50}


def test_all_are_asked_by_one_call(aws: AWS, stub: Stub) -> None:
    stub("ssm").add_response("send_command", {"Command": {"CommandId": COMMAND}}, sent(MACHINES))
    assert ask(aws) == COMMAND


def test_those_whom_aws_does_not_reach_are_left_out(aws: AWS, stub: Stub) -> None:
    stub("ssm").add_client_error("send_command", "InvalidInstanceId", expected_params=sent(MACHINES))
    states = known("Online", "ConnectionLost", "Online")
    stub("ssm").add_response("describe_instance_information", states, LISTED)
    left = [MACHINES[0], MACHINES[2]]
    stub("ssm").add_response("send_command", {"Command": {"CommandId": COMMAND}}, sent(left))
    assert ask(aws) == COMMAND


def test_where_none_is_reached_nobody_is_asked(aws: AWS, stub: Stub) -> None:
    stub("ssm").add_client_error("send_command", "InvalidInstanceId")
    states = known("ConnectionLost", "Inactive", "ConnectionLost")
    stub("ssm").add_response("describe_instance_information", states, LISTED)
    assert ask(aws) == ""


@pytest.mark.parametrize("code", ["InvalidDocument", "AccessDeniedException", "ThrottlingException"])
def test_any_other_refusal_is_the_operators(aws: AWS, stub: Stub, code: str) -> None:
    stub("ssm").add_client_error("send_command", code, "no")
    with pytest.raises(AWSError) as refusal:
        ask(aws)
    assert refusal.value.code == code


def test_a_refusal_while_those_who_are_reached_are_sought(aws: AWS, stub: Stub) -> None:
    stub("ssm").add_client_error("send_command", "InvalidInstanceId")
    stub("ssm").add_client_error("describe_instance_information", "AccessDeniedException")
    with pytest.raises(AWSError, match="AccessDenied"):
        ask(aws)


def invocation(ec2_id: str, status: str, *outputs: str) -> dict[str, Any]:
    return {
        "InstanceId": ec2_id,
        "Status": status,
        "CommandPlugins": [{"Output": output} for output in outputs],
    }


def test_answers_come_page_by_page(aws: AWS, stub: Stub) -> None:
    pages: list[dict[str, Any]] = [
        {"CommandInvocations": [invocation(MACHINES[0], "Success", "one", "two")], "NextToken": "next"},
        {
            "CommandInvocations": [
                invocation(MACHINES[1], "InProgress"),
                invocation(MACHINES[2], "Failed", ""),
            ]
        },
    ]
    asked = {"CommandId": COMMAND, "Details": True, "MaxResults": 50}
    stub("ssm").add_response("list_command_invocations", pages[0], asked)
    stub("ssm").add_response("list_command_invocations", pages[1], {**asked, "NextToken": "next"})
    first, second, third = questions.answers(aws, COMMAND)
    assert (first.output, first.finished, first.succeeded) == ("one\ntwo", True, True)
    assert (second.output, second.finished) == ("", False)
    assert (third.finished, third.succeeded) == (True, False)


def test_a_refusal_of_the_answers_is_raised(aws: AWS, stub: Stub) -> None:
    stub("ssm").add_client_error("list_command_invocations", "InvalidCommandId")
    with pytest.raises(AWSError) as refusal:
        questions.answers(aws, COMMAND)
    assert refusal.value.code == "InvalidCommandId"
