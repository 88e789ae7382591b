"""manage.py on the machine, from the command line."""

import json
from collections.abc import Callable

import pytest
from ecdeployer.accounts.models import User
from ecdeployer.commands import output
from ecdeployer.commands.models import Command
from ecdeployer.commands.states import CommandState

from tests import portal_records as records

from .conftest import Ecdeploy, Waits


@pytest.fixture(autouse=True)
def bakery(ines: User) -> None:
    records.make_live(ines)


def prints(text: str) -> Callable[[], object]:
    def report() -> None:
        command = Command.objects.get()
        output.add(command, text)
        command.state = CommandState.RUNNING
        command.save()

    return report


def ends(exit_code: int | None, reason: str = "") -> Callable[[], object]:
    state = CommandState.SUCCEEDED if exit_code == 0 else CommandState.FAILED
    return lambda: Command.objects.update(state=state, exit_code=exit_code, reason=reason)


def test_what_it_prints_is_ours_and_so_is_its_end(ecdeploy: Ecdeploy, waits: Waits) -> None:
    waits.meanwhile = [prints("Planned "), prints("operations:\n\x1b[2J"), ends(0)]
    result = ecdeploy("run", "-a", "bakery", "--", "migrate", "--plan")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "Planned operations:\n", "")
    assert Command.objects.get().arguments == {"words": ["migrate", "--plan"]}


def test_options_after_the_first_word_are_the_commands_own(ecdeploy: Ecdeploy, waits: Waits) -> None:
    waits.meanwhile = [ends(0)]
    assert ecdeploy("run", "--app", "bakery", "migrate", "--app", "x", "-a").exit_code == 0
    assert Command.objects.get().arguments == {"words": ["migrate", "--app", "x", "-a"]}


@pytest.mark.parametrize(("exit_code", "ours"), [(3, 3), (1, 1), (-1, 1), (None, 1), (300, 1)])
def test_it_ends_with_the_commands_exit_code(
    ecdeploy: Ecdeploy, waits: Waits, exit_code: int | None, ours: int
) -> None:
    waits.meanwhile = [ends(exit_code)]
    assert ecdeploy("run", "-a", "bakery", "check").exit_code == ours


def test_as_json_it_is_parts_and_then_the_command(ecdeploy: Ecdeploy, waits: Waits) -> None:
    waits.meanwhile = [prints("one\n"), ends(2, "No such command.")]
    result = ecdeploy("run", "-a", "bakery", "--json", "--", "brew")
    part, command = map(json.loads, result.stdout.splitlines())
    assert part == {"offset": 0, "text": "one\n"}
    assert (command["exit_code"], result.exit_code) == (2, 2)


def test_what_cannot_be_run_is_refused(ecdeploy: Ecdeploy) -> None:
    result = ecdeploy("run", "-a", "bakery", "--", "dbshell")
    assert (result.exit_code, Command.objects.count()) == (2, 0)
    assert "keyboard" in result.stderr
    assert ecdeploy("run", "-a", "bakery").exit_code == 2


def interrupt() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("somebody", "typed", "state"),
    [(False, "", "cancelled"), (True, "\n", "cancelled"), (True, "n\n", "queued"), (True, "", "queued")],
)
def test_interrupted_it_is_cancelled_unless_somebody_says_no(
    ecdeploy: Ecdeploy, waits: Waits, monkeypatch: pytest.MonkeyPatch, somebody: bool, typed: str, state: str
) -> None:
    monkeypatch.setattr("ecdeploy.terminal.is_interactive", lambda: somebody)
    waits.meanwhile = [interrupt]
    assert ecdeploy("run", "-a", "bakery", "check", typed=typed).exit_code == 130
    assert Command.objects.get().state == state
