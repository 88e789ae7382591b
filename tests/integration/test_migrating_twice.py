"""Two machines that are updated at once migrate one database: one after the other."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.deployment_stack import ROOT, Stack, bare_stack


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with bare_stack(tmp_path, database="migrating_twice") as stack:
        yield stack


def start(stack: Stack, name: str, *options: str, ready: str) -> None:
    stack.start(name, sys.executable, "manage.py", "migrate", *options, ready=ready)


def end(stack: Stack, name: str) -> tuple[int, str]:
    """The exit code, and what it printed."""
    code = stack.programs.pop(name).wait(240)
    return code, stack.text(name)


@pytest.fixture
def first(stack: Stack) -> int:
    """The process id of one that has stopped in the middle."""
    start(stack, "first", ready="Applying ")
    os.kill(stack.programs["first"].pid, signal.SIGSTOP)
    return stack.programs["first"].pid


def test_the_second_waits_for_the_first_and_finds_nothing_left_to_do(stack: Stack, first: int) -> None:
    start(stack, "second", ready="Waiting for ")
    assert f":{first} (server process " in stack.text("second")
    assert "Applying" not in stack.text("second")
    os.kill(first, signal.SIGCONT)
    applied = end(stack, "first")
    assert applied[0] == 0, applied[1]
    assert applied[1].count("Applying ") == applied[1].count("... OK") > 50
    code, text = end(stack, "second")
    assert (code, "No migrations to apply." in text) == (0, True), text


def test_the_second_goes_on_when_the_first_is_killed(stack: Stack, first: int) -> None:
    start(stack, "second", ready="Waiting for ")
    stack.kill("first")
    code, text = end(stack, "second")
    assert (code, text.count("... OK") > 40) == (0, True), text
    assert "No migrations to apply." in stack.manage("migrate")[0]


def test_waiting_has_an_end_that_says_for_whom(stack: Stack, first: int) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--wait=1"], cwd=ROOT / "ecdeployer",
        env=stack.environment, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert f":{first} (server process " in done.stderr
    assert "still migrates this database after 1 s" in done.stderr
