"""The machine from the command line."""

import json
from collections.abc import Callable

import pytest
from ecdeployer.accounts.models import User
from ecdeployer.machines.models import Change

from tests import portal_records as records

from .conftest import Ecdeploy, Waits


@pytest.fixture(autouse=True)
def bakery(ines: User) -> None:
    records.make_live(ines)


def becomes(**fields: str) -> Callable[[], object]:
    return lambda: Change.objects.update(**fields)


def test_it_is_shown(ecdeploy: Ecdeploy) -> None:
    result = ecdeploy("machine", "show", "-a", "bakery")
    assert "running t3.micro" in result.stdout
    assert "changes at a stop" in result.stdout


def test_a_stop_is_followed_to_its_end(ecdeploy: Ecdeploy, waits: Waits) -> None:
    waits.meanwhile = [becomes(note="The machine shuts down."), becomes(state="succeeded", note="")]
    result = ecdeploy("machine", "stop", "-a", "bakery", "--yes")
    assert (result.exit_code, result.stdout) == (0, "bakery: stop is succeeded\n")
    assert "The machine shuts down." in result.stderr


def test_one_that_failed_says_why(ecdeploy: Ecdeploy, waits: Waits) -> None:
    waits.meanwhile = [becomes(state="failed", reason="AWS has no t3.small free.")]
    result = ecdeploy("machine", "resize", "t3.small", "-a", "bakery", "--yes")
    assert (result.exit_code, result.stderr) == (1, "AWS has no t3.small free.\n")


def test_nobody_is_there_to_be_asked(ecdeploy: Ecdeploy) -> None:
    result = ecdeploy("machine", "reboot", "-a", "bakery")
    assert result.exit_code == 2
    assert "say --yes" in result.stderr
    assert not Change.objects.exists()


def test_for_programs_and_without_waiting(ecdeploy: Ecdeploy) -> None:
    result = ecdeploy("machine", "stop", "-a", "bakery", "--yes", "--json", "--no-follow")
    assert json.loads(result.stdout)["change"]["state"] == "running"
