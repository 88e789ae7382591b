from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application
from ecdeployer.commands import actions
from ecdeployer.commands.models import Command
from ecdeployer.commands.states import CommandState
from ecdeployer.instances.models import Instance
from ecdeployer.instances.states import InstanceState
from pytest_django import DjangoCaptureOnCommitCallbacks


def test_a_command_is_written_told_and_sent_once(
    bakery: Application,
    ines: User,
    messages: list[tuple[str, Any]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        command = actions.manage(bakery, ["migrate", "--plan"], by=ines)
    assert (command.state, command.line) == (CommandState.QUEUED, "manage.py migrate --plan")
    assert messages == [("ecdeployer.commands.tasks.advance", [str(command.pk)])]
    event = bakery.events.get(verb="command")
    assert (event.actor, event.detail) == (ines, "manage.py migrate --plan")


def test_a_superusers_password_is_kept_nowhere(bakery: Application, ines: User) -> None:
    command = actions.create_superuser(
        bakery, username="ada", email="", password="correct horse battery", by=ines
    )
    assert PBKDF2PasswordHasher().verify("correct horse battery", command.arguments["password_hash"])
    for row in (*Command.objects.values(), *bakery.events.values()):
        assert "horse" not in str(row)


@pytest.mark.parametrize("state", [InstanceState.STOPPED, InstanceState.TERMINATED])
def test_a_machine_that_does_not_run_takes_no_command(bakery: Application, state: InstanceState) -> None:
    Instance.objects.update(state=state)
    with pytest.raises(actions.RefusedError, match="a machine that runs"):
        actions.manage(bakery, ["check"], by=None)


def test_a_machine_is_not_flooded(bakery: Application) -> None:
    for _ in range(actions.AT_ONCE):
        actions.manage(bakery, ["check"], by=None)
    with pytest.raises(actions.RefusedError, match="3 commands are not finished"):
        actions.manage(bakery, ["check"], by=None)


def test_cancelling_is_final(command: Command, ines: User) -> None:
    actions.cancel(command, by=ines)
    command.refresh_from_db()
    assert (command.state, command.due_at) == (CommandState.CANCELLED, None)
    with pytest.raises(actions.RefusedError, match="ended already"):
        actions.cancel(command, by=ines)
