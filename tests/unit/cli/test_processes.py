"""What runs on the machine, from the command line."""

import json
from collections.abc import Callable

import pytest
from django.utils import timezone
from ecdeployer.accounts.models import User
from ecdeployer.commands.models import Command
from ecdeployer.commands.states import CommandState

from tests import portal_records as records
from tests.unit.commands.test_processes import ROW, answer, say

from .conftest import Ecdeploy, Waits


@pytest.fixture(autouse=True)
def bakery(ines: User) -> None:
    records.make_live(ines)


def ends(state: CommandState, output: str) -> Callable[[], object]:
    def end() -> None:
        say(Command.objects.get(), output)
        Command.objects.update(state=state, finished_at=timezone.now())

    return end


def test_processes_are_asked_for_and_listed(ecdeploy: Ecdeploy, waits: Waits) -> None:
    waits.meanwhile = [ends(CommandState.SUCCEEDED, answer({**ROW, "name": "web"}, ROW))]
    result = ecdeploy("ps", "-a", "bakery")
    assert result.exit_code == 0, result.output
    assert [line.split()[:2] for line in result.stdout.splitlines()] == [
        ["NAME", "STATE"],
        ["web", "RUNNING"],
        ["worker", "RUNNING"],
    ]


def test_a_restart_is_waited_for(ecdeploy: Ecdeploy, waits: Waits) -> None:
    waits.meanwhile = [ends(CommandState.SUCCEEDED, answer({**ROW, "name": "web"}))]
    result = ecdeploy("restart", "-a", "bakery", "web", "--json")
    assert json.loads(result.stdout)["processes"][0]["pid"] == 7
    assert Command.objects.get().arguments == {"name": "web"}


def test_a_restart_that_fails_says_why(ecdeploy: Ecdeploy, waits: Waits) -> None:
    waits.meanwhile = [ends(CommandState.FAILED, "It cannot start.\n")]
    result = ecdeploy("restart", "-a", "bakery", "web")
    assert (result.exit_code, result.stderr) == (1, "It cannot start.\n")


def test_what_is_not_there_is_not_restarted(ecdeploy: Ecdeploy) -> None:
    assert ecdeploy("restart", "-a", "bakery", "no/thing").exit_code == 2
    assert not Command.objects.exists()
