"""How long a worker that is told to end may go on; tests/integration/test_worker_ends.py ends real ones."""

import os
import signal
import threading
from unittest.mock import Mock

import pytest
from celery import signals
from ecdeployer.operating import leaving


@pytest.fixture
def kill(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """What is done once the time is over, which it is at once."""
    kill = Mock()
    monkeypatch.setattr(os, "kill", kill)
    timer = Mock(side_effect=lambda _, call, given: Mock(start=lambda: call(*given)))
    monkeypatch.setattr(threading, "Timer", timer)
    return kill


@pytest.mark.parametrize(("how", "calls"), [("Warm", 1), ("Cold", 0)])
def test_the_second_signal_follows_the_first_alone(kill: Mock, how: str, calls: int) -> None:
    signals.worker_shutting_down.send(sender="worker@host", sig="SIGTERM", how=how, exitcode=0)
    assert kill.call_count == calls
    assert not calls or kill.call_args.args == (os.getpid(), signal.SIGQUIT)


def test_there_is_time_for_both_within_the_grace_of_an_operator() -> None:
    assert leaving.FINISHING + 20 < 60
