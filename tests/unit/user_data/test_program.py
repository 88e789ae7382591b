import os
import signal
import xmlrpc.client
from pathlib import Path
from typing import Any

import pytest

from user_data import program


class Supervisor:
    def __init__(self, *, added: list[str], changed: list[str], running: bool, removed: list[str]) -> None:
        self.added, self.changed, self.running, self.removed = added, changed, running, removed
        self.asked: list[str] = []

    def reloadConfig(self) -> list[Any]:  # noqa: N802 - supervisor's own name
        return [[self.added, self.changed, self.removed]]

    def startProcess(self, name: str, _wait: bool) -> None:  # noqa: N802
        if self.running:
            raise xmlrpc.client.Fault(program.ALREADY_STARTED, "ALREADY_STARTED")
        self.asked.append(f"startProcess {name}")

    def getProcessInfo(self, name: str) -> dict[str, Any]:  # noqa: N802
        return {"name": name, "pid": 4711 if self.running else 0}

    def __getattr__(self, name: str) -> Any:
        return lambda argument: self.asked.append(f"{name} {argument}")


def supervised(monkeypatch: pytest.MonkeyPatch, **state: Any) -> Supervisor:
    defaults: dict[str, Any] = {"added": [], "changed": [], "running": False, "removed": []}
    made = Supervisor(**(defaults | state))
    monkeypatch.setattr(program, "supervisor", lambda: made)
    return made


@pytest.mark.parametrize(
    ("state", "asked", "fresh"),
    [
        ({"added": ["site-000002"]}, ["addProcessGroup", "startProcess"], True),
        (
            {"changed": ["site-000002"]},
            ["stopProcessGroup", "removeProcessGroup", "addProcessGroup", "startProcess"],
            True,
        ),
        ({}, ["startProcess"], True),
        ({"running": True}, [], False),
        ({"added": ["site-000002"], "running": True}, ["addProcessGroup"], True),
    ],
)
def test_a_program_is_started_unless_it_runs(
    monkeypatch: pytest.MonkeyPatch, state: dict[str, Any], asked: list[str], *, fresh: bool
) -> None:
    supervisor = supervised(monkeypatch, **state)
    assert program.start("000002") is fresh
    assert supervisor.asked == [f"{name} site-000002" for name in asked]


@pytest.mark.parametrize("running", [True, False])
def test_a_release_that_serves_goes_as_fast_as_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, running: bool
) -> None:
    supervised(monkeypatch, running=running)
    monkeypatch.setattr(program, "MARK", f"{tmp_path}/{{}}.starting")
    (tmp_path / "000002.starting").touch()
    hurried: list[tuple[int, ...]] = []
    monkeypatch.setattr(os, "setpriority", lambda *given: hurried.append(given))
    program.hurry("000002")
    program.hurry("000002")
    assert hurried == ([(os.PRIO_PGRP, 4711, 0)] * 2 if running else [])
    assert not (tmp_path / "000002.starting").exists()


@pytest.mark.parametrize("running", [True, False])
def test_what_a_removed_program_has_started_ends_with_it(
    monkeypatch: pytest.MonkeyPatch, *, running: bool
) -> None:
    supervisor = supervised(monkeypatch, removed=["site-000001"], added=["site-000002"], running=running)
    killed: list[tuple[int, ...]] = []
    monkeypatch.setattr(os, "killpg", lambda *given: killed.append(given))
    program.end_removed()
    assert supervisor.asked == ["stopProcessGroup site-000001", "removeProcessGroup site-000001"]
    assert killed == ([(4711, signal.SIGKILL)] if running else [])
