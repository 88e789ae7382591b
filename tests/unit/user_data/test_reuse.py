import json
from pathlib import Path

import pytest

from user_data import reuse
from user_data.requirement_lines import Reading

PLAN = {"python": "", "services": []}


def reading(tmp_path: Path, *lines: str) -> Reading:
    made = Reading(str(tmp_path))
    made.lines = list(lines)
    return made


def test_the_same_lines_make_the_same_environment(tmp_path: Path) -> None:
    lines = ["Django~=5.2", "gunicorn>=22", "psycopg[binary] ; sys_platform == 'linux'", "--pre"]
    lines[3] = "--extra-index-url https://pypi.example.com/simple"
    key = reuse.key(reading(tmp_path, *lines), PLAN)
    assert key
    assert key == reuse.key(reading(tmp_path, *lines), PLAN)
    assert key != reuse.key(reading(tmp_path, *lines), PLAN | {"python": ">=3.12"})
    assert key != reuse.key(reading(tmp_path, *lines[1:]), PLAN)


@pytest.mark.parametrize(
    "line",
    ["./lib", "-e .", "/opt/lib", "git+https://x/y.git@main", "lib @ git+https://x/y", "https://x/y.whl"],
)
def test_what_another_commit_may_change_is_not_shared(tmp_path: Path, line: str) -> None:
    assert reuse.key(reading(tmp_path, "Django", line), PLAN) == ""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A release beside the live one, whose environment was made for an earlier one."""
    monkeypatch.setattr(reuse, "VENVS", str(tmp_path / "venvs"))
    for name in ("000001", "000003"):
        (tmp_path / "venvs" / name).mkdir(parents=True)
    for name, venv in (("000002", "000001"), ("000003", "000003")):
        (tmp_path / "releases" / name).mkdir(parents=True)
        (tmp_path / "releases" / name / "venv").symlink_to(f"../../venvs/{venv}")
    (tmp_path / "current").symlink_to("releases/000002")
    (tmp_path / "venvs" / "000001" / "ecdeployer.json").write_text(json.dumps({"key": "a", "changes": []}))
    return tmp_path / "releases" / "000003"


@pytest.mark.parametrize(("key", "found"), [("a", "000001"), ("b", "000003"), ("", "000003")])
def test_the_live_environment_serves_a_release_of_the_same_packages(home: Path, key: str, found: str) -> None:
    assert Path(reuse.find(str(home), key)).name == found


def test_changes_are_told_by_each_release_that_uses_the_packages(home: Path) -> None:
    venv = reuse.find(str(home), "a")
    reuse.note(venv, {"setting": "requirements"})
    assert reuse.read(venv) == {"key": "a", "changes": [{"setting": "requirements"}]}
    assert reuse.read(reuse.own(str(home))) == {}
