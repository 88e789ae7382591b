import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from ecdeployer.commands import machine, output
from ecdeployer.commands.models import Command
from ecdeployer.commands.states import CommandState


def post(client: Client, command: Command, token: str = "", **fields: Any) -> Any:
    body = {"offset": 0, "next": 0, "text": "", "exit_code": None, "reason": "", **fields}
    return client.post(
        reverse("commands-reports:receive", args=[command.pk]),
        body,
        content_type="application/json",
        headers={"Authorization": f"Bearer {token or machine.report_token(command)}"},
    )


def test_output_comes_in_once_and_the_end_with_it(client: Client, command: Command) -> None:
    assert json.loads(post(client, command, next=6, text="hello\n").content) == {"next": 6}
    assert json.loads(post(client, command, next=6, text="hello\n").content) == {"next": 6}
    post(client, command, offset=6, next=12, text="world\n", exit_code=0)
    command.refresh_from_db()
    assert (command.state, command.output, command.exit_code) == (CommandState.SUCCEEDED, "hello\nworld\n", 0)
    assert post(client, command).status_code == 410


def test_a_gap_is_not_filled_with_what_comes_after_it(client: Client, command: Command) -> None:
    assert json.loads(post(client, command, offset=50, next=56, text="later\n", exit_code=0).content) == {
        "next": 0
    }
    command.refresh_from_db()
    assert (command.state, command.output) == (CommandState.QUEUED, "")


def test_secrets_and_what_terminals_obey_are_taken_out(client: Client, command: Command) -> None:
    post(
        client,
        command,
        next=40,
        text="\x1b[31mkey\x1b[0m sk_live_1 \u202e\x00",
        exit_code=1,
        reason="sk_live_1",
    )
    command.refresh_from_db()
    assert command.output == "key ****** "
    assert (command.state, command.reason) == (CommandState.FAILED, "******")


def test_a_command_that_goes_on_speaking_is_looked_at_when_its_time_is_over(
    client: Client, command: Command
) -> None:
    Command.objects.update(deadline=timezone.now() + timedelta(seconds=3))
    assert post(client, command).status_code == 200
    command.refresh_from_db()
    assert command.due_at == command.deadline


def test_a_cancelled_command_tells_its_machine_to_stop(client: Client, command: Command) -> None:
    command.move(CommandState.CANCELLED, due_at=None)
    assert post(client, command).status_code == 410


@pytest.mark.parametrize(
    "fields",
    [
        {"offset": -1}, {"offset": True}, {"next": 1 << 50}, {"offset": 5, "next": 4}, {"text": 5},
        {"exit_code": "0"}, {"exit_code": 1000}, {"reason": None}, {"more": 1},
    ],
)  # fmt: skip
def test_what_is_no_report_is_refused(client: Client, command: Command, fields: dict[str, Any]) -> None:
    assert post(client, command, **fields).status_code == 400
    command.refresh_from_db()
    assert command.state == CommandState.QUEUED


def test_a_strangers_report_is_refused(client: Client, command: Command) -> None:
    assert post(client, command, token="x" * 64).status_code == 401
    unknown = Command(pk="00000000-0000-4000-8000-000000000000")
    assert post(client, unknown).status_code == 404


def test_a_long_output_loses_its_middle(client: Client, command: Command) -> None:
    size = 200_000
    for number in range(4):
        text = str(number) * size
        post(client, command, offset=number * size, next=(number + 1) * size, text=text)
    command.refresh_from_db()
    shown = output.everything(command)
    assert len(shown) < 700_000
    assert shown.startswith("000")
    assert shown.endswith("333")
    assert "cut here" in shown
    assert command.output_length == 4 * size
