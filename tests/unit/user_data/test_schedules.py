"""Timers of a machine: the list, what systemd is told, and a run."""

import fcntl
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from user_data import schedules

ONE, TWO = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"
DAILY = "*-*-* 04:00:00 UTC"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, ...]]:
    """What systemctl was asked, in order."""
    for name in ("LIST", "UNITS", "RUNS", "LOGS"):
        monkeypatch.setattr(schedules, name, str(tmp_path / name.lower()))
    for name in ("units", "logs"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(schedules, "LOCK", f"{tmp_path}/lock-{{}}")
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(schedules, "systemctl", lambda *words: asked.append(words))
    monkeypatch.chdir(tmp_path)
    return asked


def sync(tmp_path: Path, revision: int, *listed: Any) -> None:
    path = tmp_path / "given.json"
    path.write_text(json.dumps({"schedules_revision": revision, "schedules": listed, "other": 1}))
    schedules.sync(str(path))


def units(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "units").iterdir())


def timer(identity: str) -> str:
    return f"ecdeployer-schedule-{identity}.timer"


def test_timers_are_those_of_the_list(machine: list[tuple[str, ...]], tmp_path: Path) -> None:
    sync(tmp_path, 1, [ONE, DAILY, ["check"]], [TWO, DAILY, ["migrate"]])
    assert units(tmp_path) == [timer(ONE), timer(TWO), "ecdeployer-schedule@.service"]
    assert f"OnCalendar={DAILY}\n" in (tmp_path / "units" / timer(ONE)).read_text()
    assert machine == [
        ("daemon-reload",),
        ("enable", "--quiet", timer(ONE), timer(TWO)),
        ("restart", timer(ONE), timer(TWO)),
    ]
    machine.clear()
    sync(tmp_path, 1, [ONE, DAILY, ["check"]], [TWO, DAILY, ["migrate"]])
    assert machine == []
    sync(tmp_path, 2, [ONE, "*-*-* 05:00:00 UTC", ["check"]])
    assert machine == [
        ("disable", "--quiet", "--now", timer(TWO)),
        ("daemon-reload",),
        ("enable", "--quiet", timer(ONE)),
        ("restart", timer(ONE)),
    ]
    assert schedules.show() == {"revision": 2, "runs": {ONE: []}}


def test_an_older_list_that_comes_late_changes_nothing(
    machine: list[tuple[str, ...]], tmp_path: Path
) -> None:
    sync(tmp_path, 5, [ONE, DAILY, ["check"]])
    machine.clear()
    sync(tmp_path, 4)
    assert machine == []
    assert units(tmp_path) == [timer(ONE), "ecdeployer-schedule@.service"]


@pytest.mark.parametrize("listed", [["../x", DAILY, []], [ONE, "x\n[Service]", []], [ONE, "%i", []]])
def test_names_and_times_of_units_are_checked_again(
    machine: list[tuple[str, ...]], tmp_path: Path, listed: list[Any]
) -> None:
    with pytest.raises(SystemExit, match="no schedule that a portal sends"):
        sync(tmp_path, 1, listed)
    assert units(tmp_path) == []


def test_a_run_leaves_its_words_its_exit_code_and_its_time(
    machine: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfdbinary: Any
) -> None:
    sync(tmp_path, 1, [ONE, DAILY, ["check", "$(id)"]])
    script = "import sys; print(sys.argv[1:]); sys.exit(3)"
    monkeypatch.setattr(schedules, "as_site", lambda *words: [sys.executable, "-c", script, *words])
    for _ in range(4):
        assert schedules.run(ONE) == 3
    log = (tmp_path / "logs" / f"schedule-{ONE}.log").read_text()
    assert log.count("['manage', 'check', '$(id)']\n--- exit code 3\n") == 4
    assert b"['manage', 'check', '$(id)']" in capfdbinary.readouterr().out
    runs = schedules.show()["runs"][ONE]
    assert [each["exit"] for each in runs] == [3, 3, 3]
    monkeypatch.setattr(schedules, "LOG_BYTES", 10)
    schedules.run(ONE)
    assert (tmp_path / "logs" / f"schedule-{ONE}.log.1").exists()


def test_one_that_runs_is_not_run_beside_itself(machine: list[tuple[str, ...]], tmp_path: Path) -> None:
    sync(tmp_path, 1, [ONE, DAILY, ["check"]])
    with Path(schedules.LOCK.format(ONE)).open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert schedules.run(ONE) == schedules.BUSY
    assert schedules.show()["runs"][ONE] == []
    with pytest.raises(SystemExit, match="no such schedule"):
        schedules.run(TWO)
