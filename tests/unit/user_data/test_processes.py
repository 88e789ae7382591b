"""What runs beside a site, over a supervisor that answers as the real one does."""

import json
import os
import signal
import xmlrpc.client
from pathlib import Path
from typing import Any

import pytest

from user_data import processes, program, schedules


class Supervisor:
    """``states``: what each program is to become, in order; the last one stays."""

    def __init__(self, running: dict[str, int], changes: tuple[list[str], list[str], list[str]]) -> None:
        self.running, self.changes = running, changes
        self.states: dict[str, list[str]] = {}
        self.exits: dict[str, int] = {}
        self.asked: list[str] = []

    def reloadConfig(self) -> list[Any]:  # noqa: N802 - supervisor's own name
        return [list(self.changes)]

    def getProcessInfo(self, name: str) -> dict[str, Any]:  # noqa: N802
        states = self.states.get(name, ["RUNNING"])
        state = states.pop(0) if len(states) > 1 else states[0]
        pid = (self.running.get(name) or 1) if state in ("RUNNING", "STARTING") else 0
        if state == "FATAL":
            with Path(processes.SUPERVISOR).open("a") as log:
                status = self.exits.get(name, 0)
                how = f"exit status {status}" if status >= 0 else "terminated by SIGKILL"
                log.write(f"2026-11-26 15:34:04,1 WARN exited: {name} ({how}; not expected)\n")
        return {"name": name, "statename": state, "pid": pid, "start": 11, "stop": 22, "exitstatus": 0}

    def getAllProcessInfo(self) -> list[dict[str, Any]]:  # noqa: N802
        return [self.getProcessInfo(name) for name in self.running]

    def stopProcess(self, name: str, wait: bool) -> None:  # noqa: N802
        assert wait is False
        self.asked.append(f"stop {name}")
        if not self.running[name]:
            raise xmlrpc.client.Fault(70, "NOT_RUNNING")
        self.states[name] = ["STOPPED"]

    def startProcess(self, name: str, wait: bool) -> None:  # noqa: N802
        assert wait is False
        self.asked.append(f"start {name}")
        self.states[name] = ["STARTING", "RUNNING"]

    def addProcessGroup(self, name: str) -> None:  # noqa: N802
        self.asked.append(f"addProcessGroup {name}")
        if self.states.get(name) == ["STOPPED"]:
            self.states[name] = ["STARTING", "RUNNING"]

    def __getattr__(self, name: str) -> Any:
        return lambda argument: self.asked.append(f"{name} {argument}")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Makes the supervisor of a machine whose release 2 serves."""
    (tmp_path / "site").symlink_to("/etc/ecdeployer/nginx/000002.conf")
    monkeypatch.setattr(processes, "SITE", str(tmp_path / "site"))
    monkeypatch.setattr(processes, "LOG", f"{tmp_path}/{{}}.log")
    monkeypatch.setattr(processes, "memory", lambda: {71: 40})
    monkeypatch.setattr(schedules, "show", dict)
    monkeypatch.setattr(processes, "SUPERVISOR", str(tmp_path / "supervisord.log"))
    monkeypatch.setattr(processes, "STEADY", 0)
    monkeypatch.setattr(processes, "is_line", lambda _: True)
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(processes, "end_group", lambda group: ended.append(group))
    ended: list[int] = []

    def make(running: dict[str, int], **changes: list[str]) -> Supervisor:
        empty: dict[str, list[str]] = {"added": [], "changed": [], "removed": []}
        found = empty | changes
        made = Supervisor(running, (found["added"], found["changed"], found["removed"]))
        made.ended = ended  # type: ignore[attr-defined]
        monkeypatch.setattr(program, "supervisor", lambda: made)
        return made

    return make


def test_what_ran_ends_before_what_is_to_run_starts(machine: Any) -> None:
    supervisor = machine(
        {"process-worker": 71, "process-beat": 72, "site-000001": 5},
        changed=["process-worker"],
        removed=["process-beat", "site-000001"],
        added=["process-clock", "site-000002"],
    )
    supervisor.states["process-clock"] = ["STOPPED", "STARTING", "RUNNING"]
    processes.switch()
    assert supervisor.asked == [
        "stop process-worker",
        "stop process-beat",
        "removeProcessGroup process-worker",
        "removeProcessGroup process-beat",
        "addProcessGroup process-clock",
        "addProcessGroup process-worker",
    ]
    assert sorted(supervisor.ended) == [71, 72]


def test_one_that_does_not_stay_is_told_with_its_last_words(
    machine: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    supervisor = machine({}, added=["process-worker"])
    supervisor.states["process-worker"] = ["STOPPED", "STARTING", "BACKOFF", "FATAL"]
    supervisor.exits["process-worker"] = 2
    log = tmp_path / "process-worker.log"
    log.write_text("of another release\n")
    with pytest.raises(processes.ProcessError) as told:
        processes.switch()
    assert str(told.value).endswith("with exit code 2: it says nothing")
    monkeypatch.setattr(processes, "size_of", lambda _: len("of another release\n"))
    log.write_text("of another release\nnew\nKeyError: 'X'\n")
    with pytest.raises(processes.ProcessError, match=r"The process worker ends as soon .*: KeyError: 'X'"):
        processes.switch()


def test_one_that_ends_late_again_and_again_is_told(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine supervisor takes it for running before its line has begun."""
    supervisor = machine({}, added=["process-worker"])
    monkeypatch.setattr(processes, "is_line", lambda _: False)
    pids = iter(range(100, 200))
    monkeypatch.setattr(
        supervisor, "getProcessInfo", lambda _: {"statename": "RUNNING", "pid": next(pids), "exitstatus": 0}
    )
    with pytest.raises(processes.ProcessError, match="with exit code -1"):
        processes.switch()


def test_one_that_ends_well_has_nothing_to_do(machine: Any) -> None:
    supervisor = machine({}, added=["process-odd"])
    supervisor.states["process-odd"] = ["FATAL"]
    processes.switch()


def test_the_reason_is_left_for_the_deployment_alone(
    machine: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    supervisor = machine({}, added=["process-worker"])
    supervisor.states["process-worker"] = ["FATAL"]
    supervisor.exits["process-worker"] = 1
    with pytest.raises(SystemExit):
        processes.main("switch")
    assert not (tmp_path / "reason.json").exists()
    with pytest.raises(SystemExit):
        processes.main("switch", str(tmp_path))
    reason = json.loads((tmp_path / "reason.json").read_text())
    assert reason["code"] == "process-failed"
    assert "The process worker ends" in reason["reason"]


def test_the_live_release_and_what_runs_beside_it_are_shown(
    machine: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    supervisor = machine({"site-000002": 71, "site-000001": 9, "process-worker": 0})
    supervisor.states["process-worker"] = ["FATAL"]
    supervisor.exits["process-worker"] = 3
    processes.main("show")
    assert json.loads(capsys.readouterr().out) == {
        "release": "000002",
        "processes": [
            {"name": "web", "state": "RUNNING", "since": 11, "pid": 71, "memory": 40, "exit": 0},
            {"name": "worker", "state": "FATAL", "since": 22, "pid": 0, "memory": 0, "exit": 3},
        ],
        "schedules": {},
    }


def test_a_process_is_restarted_by_its_name_alone(machine: Any) -> None:
    supervisor = machine({"site-000002": 71, "process-worker": 72, "process-beat": 73})
    processes.restart("worker")
    assert supervisor.asked == ["stop process-worker", "start process-worker"]
    for name in ("site-000002", "process-worker", "../x", ""):
        with pytest.raises(processes.ProcessError, match="No process of the name"):
            processes.restart(name)


def test_a_site_that_does_not_run_is_started(machine: Any) -> None:
    supervisor = machine({"site-000002": 0})
    supervisor.states["site-000002"] = ["FATAL"]
    processes.restart("web")
    assert supervisor.asked == ["stop site-000002", "start site-000002"]


def test_the_sites_workers_are_renewed_one_by_one(
    machine: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    supervisor = machine({"site-000002": 71})
    workers, log = ["1", "2"], tmp_path / "site-000002.log"
    log.write_text("A worker is ready.\n")
    sent: list[int] = []

    def kill(master: int, number: int) -> None:
        assert master == 71
        sent.append(number)
        if number == signal.SIGTTIN:
            workers.append(str(len(sent) + 2))
            log.write_text(log.read_text() + "A worker is ready.\n")
        else:
            assert len(workers) == 3
            workers.pop(0)

    monkeypatch.setattr(os, "kill", kill)
    monkeypatch.setattr(processes, "children", lambda _: list(workers))
    processes.restart("web")
    assert sent == [signal.SIGTTIN, signal.SIGTTOU] * 2
    assert workers == ["3", "5"]
    assert supervisor.asked == []


def test_old_workers_stay_where_no_new_one_gets_ready(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    machine({"site-000002": 71})
    sent: list[int] = []
    monkeypatch.setattr(os, "kill", lambda _, number: sent.append(number))
    monkeypatch.setattr(processes, "children", lambda _: ["1", "2"])
    monkeypatch.setattr(processes, "wait_for", lambda _: False)
    with pytest.raises(processes.ProcessError, match="not ready in time"):
        processes.restart("web")
    assert sent == [signal.SIGTTIN]


def test_memory_of_a_group_is_counted() -> None:
    assert processes.memory()[os.getpgid(0)] > 5
