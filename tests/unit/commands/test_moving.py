import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from ecdeployer.accounts.models import User
from ecdeployer.commands import moving
from ecdeployer.commands import output as printed
from ecdeployer.commands.models import Command
from ecdeployer.commands.moving import MoveError
from ecdeployer.commands.states import CommandState
from ecdeployer.instances.models import Instance
from ecdeployer.instances.states import InstanceState
from pytest_django import DjangoAssertNumQueries

from tests import portal_records as records

MOVE = uuid.UUID(int=7)
KEY, OTHER = "MCowBQYDK2VuAyEA" + "a" * 44, "MCowBQYDK2VuAyEA" + "b" * 44


@pytest.fixture
def old(ines: User) -> Instance:
    return records.make_live(ines).instance


@pytest.fixture
def new(old: Instance) -> Instance:
    return records.make_instance(old.application, InstanceState.RUNNING)


def end(action: str, answer: Any = None, *, output: str = "", reason: str = "") -> Command:
    """What its machine would have reported."""
    command = Command.objects.filter(action=action).latest("created_at")
    if answer is not None:
        output = f"words before\n{answer if isinstance(answer, str) else json.dumps(answer)}\n"
    state = CommandState.FAILED if answer is None else CommandState.SUCCEEDED
    printed.add(command, output)
    Command.objects.filter(pk=command.pk).update(
        state=state,
        output_length=command.output_length,
        exit_code=int(answer is None),
        reason=reason,
        finished_at=timezone.now(),
    )
    return command


def test_a_move_from_the_first_question_to_the_address(old: Instance, new: Instance) -> None:
    def carried() -> bool:
        return moving.carry(old, new, move=MOVE)

    assert not carried()
    end("measure", {"bytes": {"files": 40_000_000, "redis": 0}})
    assert not carried()
    assert Command.objects.latest("created_at").instance == new
    assert not Command.objects.filter(instance=old, action="hand-over").exists()
    assert moving.hold(old, move=MOVE)
    end("expect", {"key": KEY})
    assert not carried()
    handed = end("hand-over", {"key": OTHER, "bytes": {"files": 40_000_100}, "seconds": 3.2})
    assert (handed.instance, handed.arguments["key"], handed.arguments["lease"]) == (old, KEY, 180)
    assert not carried()
    held = end("hold", {})
    assert not carried()
    taken = end("take-over", {})
    assert (taken.instance, taken.arguments["key"]) == (new, OTHER)
    assert taken.arguments["source"] == old.private_ip
    assert carried()
    assert moving.hold(old, move=MOVE)
    assert Command.objects.count() == 5
    long_ago = timezone.now() - moving.RENEWAL - timedelta(seconds=1)
    Command.objects.filter(pk=held.pk).update(created_at=long_ago)
    assert not carried()
    assert not moving.hold(old, move=MOVE)
    assert Command.objects.filter(action="hold").count() == 2
    end("hold", output="The site serves again on this machine.")
    with pytest.raises(MoveError, match="serves again"):
        carried()


def test_nobody_waits_where_there_is_nothing_to_move(old: Instance, new: Instance) -> None:
    assert not moving.carry(old, new, move=MOVE)
    end("measure", {"bytes": {"files": 0}})
    assert moving.carry(old, new, move=MOVE)
    assert moving.hold(old, move=MOVE)
    assert moving.resume(old, move=MOVE)
    assert Command.objects.count() == 1


def test_a_step_is_asked_once_for_a_move(
    old: Instance, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    moving.measure(old, move=MOVE)
    with django_assert_num_queries(1):
        moving.measure(old, move=MOVE)
    assert Command.objects.count() == 1
    moving.measure(old, move=uuid.UUID(int=8))
    assert Command.objects.count() == 2


@pytest.mark.parametrize(
    ("output", "reason", "said"),
    [
        ("tar: x\nThe disk has no room: 9 bytes are needed, 1 are free.\n\n", "", "The disk has no room"),
        ("", "It took longer than 300 seconds, and was ended.", "longer than 300"),
        ("", "", "exit code 1"),
    ],
)
def test_a_failed_step_says_why(old: Instance, output: str, reason: str, said: str) -> None:
    moving.measure(old, move=MOVE)
    end("measure", output=output, reason=reason)
    with pytest.raises(MoveError, match=f"measure what the site keeps: .*{said}"):
        moving.measure(old, move=MOVE)


@pytest.mark.parametrize(
    "answer",
    ["", "[" * 100_000, "[]", "{}", '{"bytes": []}', '{"bytes": {"files": -1}}', '{"bytes": {"files": true}}',
     '{"bytes": {"files": "9"}}', '{"bytes": {"files": 1e400}}', '{"bytes": {"files": 9999999999999999}}'],
)  # fmt: skip
def test_a_hostile_answer_is_no_measure(old: Instance, answer: str) -> None:
    moving.measure(old, move=MOVE)
    end("measure", answer)
    with pytest.raises(MoveError):
        moving.measure(old, move=MOVE)


def at_the_key(old: Instance, new: Instance, key: Any, *, size: int = 1) -> None:
    moving.measure(old, move=MOVE)
    end("measure", {"bytes": {"files": size}})
    moving.carry(old, new, move=MOVE)
    end("expect", {"key": key})


@pytest.mark.parametrize("key", [None, 7, "", "a b", "$(id)" * 6, "a" * 500])
def test_a_hostile_key_reaches_no_machine(old: Instance, new: Instance, key: Any) -> None:
    at_the_key(old, new, key)
    with pytest.raises(MoveError, match="key"):
        moving.carry(old, new, move=MOVE)
    assert not Command.objects.filter(action="hand-over").exists()


def test_limits_hold_for_a_size_that_a_machine_made_up(old: Instance, new: Instance) -> None:
    at_the_key(old, new, KEY, size=moving.MOST)
    moving.carry(old, new, move=MOVE)
    assert Command.objects.get(action="hand-over").seconds == 3 * 3600


def test_the_old_site_is_asked_to_serve_again(old: Instance, new: Instance) -> None:
    at_the_key(old, new, KEY)
    moving.carry(old, new, move=MOVE)
    end("hand-over", output="The disk has no room.")
    with pytest.raises(MoveError, match="no room"):
        moving.carry(old, new, move=MOVE)
    assert not moving.resume(old, move=MOVE)
    end("resume", {})
    assert moving.resume(old, move=MOVE)
