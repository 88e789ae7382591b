"""Beat on two machines: one sends, whatever becomes of it or of PostgreSQL."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.databases import crash_postgresql
from tests.integration.deployment_stack import Stack, bare_stack, start_beat, wait_until

BEATS = ("first", "second")
#: Seconds in which whoever leads sends several times: the shortest schedule is of two seconds.
WATCHED = 6


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with bare_stack(tmp_path, database="two_beats") as stack:
        stack.manage("migrate", "--verbosity=0")
        for name in BEATS:
            start_beat(stack, name)
        yield stack


def sent(stack: Stack, name: str) -> int:
    return stack.text(name).count("Sending due task")


def senders(stack: Stack) -> set[str]:
    """Those that send while they are watched."""
    before = {name: sent(stack, name) for name in stack.programs}
    time.sleep(WATCHED)
    return {name for name, count in before.items() if sent(stack, name) > count}


def await_leader(stack: Stack, *, after: dict[str, int], seconds: float) -> str:
    """Who begins to lead: ``after`` is how often each has begun so far."""

    def begun() -> list[str]:
        return [name for name, count in after.items() if leads(stack)[name] > count]

    wait_until(begun, seconds=seconds)
    return begun()[0]


def leads(stack: Stack) -> dict[str, int]:
    return {name: stack.text(name).count("beat: leads") for name in BEATS}


def other(name: str) -> str:
    return BEATS[1 - BEATS.index(name)]


def test_one_sends_and_the_other_takes_over_when_it_is_killed(stack: Stack) -> None:
    leader = await_leader(stack, after=dict.fromkeys(BEATS, 0), seconds=30)
    assert senders(stack) == {leader}
    assert sent(stack, other(leader)) == 0
    before = leads(stack)
    stack.kill(leader)
    assert await_leader(stack, after=before, seconds=15) == other(leader)
    start_beat(stack, leader)
    assert senders(stack) == {other(leader)}


def test_one_goes_on_when_postgresql_was_away(stack: Stack) -> None:
    await_leader(stack, after=dict.fromkeys(BEATS, 0), seconds=30)
    before = leads(stack)
    crash_postgresql(stack.environment["DATABASE_URL"])
    leader = await_leader(stack, after=before, seconds=40)
    assert senders(stack) == {leader}
    assert all(process.poll() is None for process in stack.programs.values())


def test_one_that_is_stopped_by_its_machine_is_given_up_and_sends_no_more(stack: Stack) -> None:
    leader = await_leader(stack, after=dict.fromkeys(BEATS, 0), seconds=30)
    before = leads(stack)
    os.kill(stack.programs[leader].pid, signal.SIGSTOP)
    assert await_leader(stack, after=before, seconds=40) == other(leader)
    counted = sent(stack, leader)
    os.kill(stack.programs[leader].pid, signal.SIGCONT)
    time.sleep(1)  # What it was stopped in the middle of is sent.
    assert senders(stack) == {other(leader)}
    assert sent(stack, leader) <= counted + 1


def test_one_that_is_told_to_end_lets_go(stack: Stack) -> None:
    leader = await_leader(stack, after=dict.fromkeys(BEATS, 0), seconds=30)
    before = leads(stack)
    stack.programs[leader].terminate()
    assert await_leader(stack, after=before, seconds=15) == other(leader)
    assert stack.programs[leader].wait(60) == 0
