import os
import subprocess
from collections.abc import Iterator

import pytest

from scripts.stack.programs import MARK, end_marked


@pytest.fixture
def marked() -> Iterator[list[subprocess.Popen[bytes]]]:
    started = [
        subprocess.Popen(["sleep", "60"], env={**os.environ, MARK: f"a stack of {os.getpid()}"})
        for _ in range(8)
    ]
    yield started
    for process in started:
        process.kill()
        process.wait()


def test_what_was_left_has_ended_when_that_is_said(marked: list[subprocess.Popen[bytes]]) -> None:
    """And so its ports are free: whoever starts next does not find them taken."""
    assert end_marked(f"a stack of {os.getpid()}") == 8
    assert all(process.poll() is not None for process in marked)


def test_what_is_of_another_stack_stays(marked: list[subprocess.Popen[bytes]]) -> None:
    assert end_marked("another stack") == 0
    assert all(process.poll() is None for process in marked)
