"""Logs of the machine from the command line."""

import json
from typing import Any

import pytest
from ecdeployer.accounts.models import User
from ecdeployer.commands import output
from ecdeployer.commands.models import Command

from tests import portal_records as records

from .conftest import Ecdeploy, Waits


@pytest.fixture(autouse=True)
def bakery(ines: User) -> None:
    records.make_live(ines)


def say(text: str, **fields: Any) -> Any:
    """What the machine would report."""

    def report() -> None:
        command = Command.objects.get()
        output.add(command, text)
        for name, value in {"state": "running", **fields}.items():
            setattr(command, name, value)
        command.save()

    return report


def test_a_log_is_followed_and_searched(ecdeploy: Ecdeploy, waits: Waits) -> None:
    waits.meanwhile = [say("one\n"), say("\x1b[31mtwo\n"), say("", state="succeeded")]
    words = ("--source", "web", "--follow", "--search", "o", "--since", "1h")
    result = ecdeploy("logs", "-a", "bakery", *words)
    assert (result.exit_code, result.stdout) == (0, "one\ntwo\n")
    asked = Command.objects.get().arguments
    assert (asked["search"], asked["minutes"], asked["follow"]) == ("o", 60, True)


def test_lines_for_programs(ecdeploy: Ecdeploy, waits: Waits) -> None:
    waits.meanwhile = [say("one\n", state="succeeded")]
    result = ecdeploy("logs", "-a", "bakery", "--source", "web", "--json")
    assert json.loads(result.stdout) == {"offset": 0, "text": "one\n"}


def test_what_failed_is_told(ecdeploy: Ecdeploy, waits: Waits) -> None:
    waits.meanwhile = [say("", state="failed", reason="The instance is stopped.")]
    result = ecdeploy("logs", "-a", "bakery", "--source", "web")
    assert (result.exit_code, "The instance is stopped." in result.stderr) == (1, True)


def test_the_logs_there_are(ecdeploy: Ecdeploy) -> None:
    assert "nginx-error" in ecdeploy("logs", "-a", "bakery", "--sources").stdout
    assert json.loads(ecdeploy("logs", "-a", "bakery", "--sources", "--json").stdout)["sources"]


@pytest.mark.parametrize(
    "words", [("--source", "web", "--step", "x"), ("--search", "x"), ("--source", "../x"), ("--whole",)]
)
def test_what_does_not_go_together_is_refused(ecdeploy: Ecdeploy, words: tuple[str, ...]) -> None:
    assert ecdeploy("logs", "-a", "bakery", *words).exit_code == 2
