from datetime import timedelta
from unittest.mock import Mock, create_autospec

import pytest
from django.utils import timezone
from ecdeployer.aws.errors import AWSError
from ecdeployer.aws.ssm import CommandResult
from ecdeployer.commands import machine
from ecdeployer.commands.models import Command
from ecdeployer.commands.provisioning import SILENCE, advance
from ecdeployer.commands.states import CommandState
from ecdeployer.instances.models import Instance
from ecdeployer.instances.states import InstanceState


@pytest.fixture
def send(monkeypatch: pytest.MonkeyPatch) -> Mock:
    double: Mock = create_autospec(machine.send, return_value="command-1")
    monkeypatch.setattr(machine, "send", double)
    return double


@pytest.fixture
def outcome(monkeypatch: pytest.MonkeyPatch) -> Mock:
    double: Mock = create_autospec(machine.outcome)
    monkeypatch.setattr(machine, "outcome", double)
    return double


def result(status: str, stdout: str = "", *, details: str = "") -> CommandResult:
    return CommandResult(status=status, exit_code=0, stdout=stdout, stderr="", details=details or status)


def silent(command: Command) -> None:
    past = timezone.now() - timedelta(minutes=1)
    Command.objects.update(started_at=past, due_at=past)


def test_it_is_sent_once(command: Command, send: Mock) -> None:
    pause = advance(command.pk)
    assert pause is not None
    assert timedelta(0) < pause <= SILENCE
    advance(command.pk)
    command.refresh_from_db()
    assert (command.state, command.command_id) == (CommandState.RUNNING, "command-1")
    send.assert_called_once()


def test_a_throttled_aws_is_asked_again(command: Command, send: Mock) -> None:
    send.side_effect = AWSError(code="ThrottlingException", message="slow", kind="throttled", retryable=True)
    assert (advance(command.pk) or timedelta(0)) < timedelta(seconds=3)
    command.refresh_from_db()
    assert command.state == CommandState.QUEUED


def test_a_refusal_of_aws_ends_it_with_its_reason(command: Command, send: Mock) -> None:
    send.side_effect = AWSError(code="AccessDenied", message="no", kind="denied", person="Not allowed.")
    assert advance(command.pk) is None
    command.refresh_from_db()
    assert (command.state, command.reason) == (CommandState.FAILED, "Not allowed.")
    assert (
        command.application.events.get(subject="command").detail == "manage.py migrate --plan: Not allowed."
    )


def test_what_a_silent_machine_printed_is_taken_from_aws(command: Command, send: Mock, outcome: Mock) -> None:
    advance(command.pk)
    silent(command)
    body = '{"offset": 0, "next": 6, "text": "hello\\n", "exit_code": 3, "reason": ""}'
    outcome.return_value = result("Success", body)
    assert advance(command.pk) is None
    command.refresh_from_db()
    assert (command.state, command.exit_code, command.output) == (CommandState.FAILED, 3, "hello\n")


def test_one_that_never_reached_the_machine_says_so(command: Command, send: Mock, outcome: Mock) -> None:
    advance(command.pk)
    silent(command)
    outcome.return_value = result("TimedOut", details="DeliveryTimedOut")
    advance(command.pk)
    command.refresh_from_db()
    assert command.state == CommandState.FAILED
    assert "did not reach the machine" in command.reason


def test_it_ends_by_its_deadline(command: Command, send: Mock) -> None:
    Command.objects.update(deadline=timezone.now() - timedelta(seconds=1))
    assert advance(command.pk) is None
    command.refresh_from_db()
    assert (command.state, command.reason) == (CommandState.FAILED, "It did not end in time.")
    send.assert_not_called()


def test_it_ends_with_its_machine(command: Command, send: Mock) -> None:
    Instance.objects.update(state=InstanceState.STOPPED)
    assert advance(command.pk) is None
    command.refresh_from_db()
    assert command.reason == "The instance is stopped."


def test_one_that_kills_its_workers_is_given_up(command: Command, send: Mock) -> None:
    Command.objects.update(attempt=4)
    assert advance(command.pk) is None
    command.refresh_from_db()
    assert "workers ended" in command.reason
