"""Asking a machine, with Run Command's answers given."""

from collections.abc import Iterator
from unittest.mock import patch

import pytest
from django.utils import timezone
from ecdeployer.aws import ssm
from ecdeployer.aws.errors import AWSError
from ecdeployer.aws.session import AWS
from ecdeployer.aws.ssm import CommandResult
from ecdeployer.instances import commands
from ecdeployer.instances.models import Instance

pytestmark = pytest.mark.django_db
DEPLOYMENT = "0f0f0f0f-0000-4000-8000-000000000001"


@pytest.fixture
def answers(account: AWS, instance: Instance) -> Iterator[list[CommandResult | AWSError]]:
    """What AWS says of the command, one for each question; and no command more than one."""
    Instance.objects.update(ec2_id="i-1", state="running")
    instance.refresh_from_db()
    given: list[CommandResult | AWSError] = []
    with (
        patch.object(ssm, "send_command", return_value="c-1") as sent,
        patch.object(ssm, "command_result", side_effect=given),
    ):
        yield given
    assert sent.call_count <= 1


def result(status: str, stdout: str = "") -> CommandResult:
    return CommandResult(status=status, exit_code=None, stdout=stdout, stderr="")


def test_a_question_is_asked_once_and_its_answer_awaited(
    answers: list[CommandResult | AWSError], instance: Instance
) -> None:
    early = AWSError(code="InvocationDoesNotExist", message="", kind="not-found", retryable=True)
    answers += [early, result("InProgress"), result("Success", '{"events": []}')]
    heard = [commands.status(instance, DEPLOYMENT) for _ in range(4)]
    assert heard == [None, None, None, {"events": []}]


@pytest.mark.parametrize("text", ["", "no JSON", "[1]", "{"])
def test_an_answer_that_is_no_report_is_none(
    answers: list[CommandResult | AWSError], instance: Instance, text: str
) -> None:
    answers.append(result("Success", text))
    assert [commands.status(instance, DEPLOYMENT) for _ in range(2)] == [None, None]


@pytest.mark.parametrize(
    ("status", "code"),
    [("Pending", ""), ("InProgress", ""), ("Success", ""), ("Failed", "command-failed")],
)
def test_a_command_has_failed_when_it_ended_otherwise(
    answers: list[CommandResult | AWSError], instance: Instance, status: str, code: str
) -> None:
    answers.append(result(status))
    end = commands.outcome(instance, "c-1", sent_at=timezone.now()).end
    assert (end.code if end else "") == code
