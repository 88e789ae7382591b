from pathlib import Path
from typing import Any

import pytest

from user_data import install


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    changes: list[tuple[str, ...]] = []
    monkeypatch.setattr(install, "tell", lambda *change: changes.append(change))
    return changes


def collect(home: Path, text: str | None, **changes: Any) -> list[str]:
    (home / "source").mkdir()
    if text is not None:
        (home / "source" / "requirements.txt").write_text(text)
    plan = {
        "requirement_sources": [["requirements", "requirements.txt"]],
        "services": [],
        "database": "",
        "interface": "wsgi",
        **changes,
    }
    return install.collect(str(home), plan).lines


def test_gunicorn_comes_last_beside_what_is_asked(tmp_path: Path, told: list[tuple[str, ...]]) -> None:
    assert collect(tmp_path, "Django==5.2\n") == ["Django==5.2", install.SERVER]
    assert told == []


@pytest.mark.parametrize(
    "pin", ["gunicorn==19.9.0", "gunicorn == 20.1.0", "gunicorn==21.2", "gunicorn>=21.2,<21.3", "gunicorn<22"]
)
def test_a_gunicorn_that_no_longer_starts_is_replaced(
    tmp_path: Path, told: list[tuple[str, ...]], pin: str
) -> None:
    assert collect(tmp_path, f"Django\n{pin}\n") == ["Django", install.SERVER]
    assert [change[1:3] for change in told] == [(pin, install.SERVER)]


@pytest.mark.parametrize(
    "line", ["gunicorn", "gunicorn>=20", "gunicorn==23.0.0", "gunicorn<24", "gunicorn~=25.1"]
)
def test_a_gunicorn_that_starts_is_left_as_it_is(
    tmp_path: Path, told: list[tuple[str, ...]], line: str
) -> None:
    assert collect(tmp_path, f"Django\n{line}\n") == ["Django", line, install.SERVER]
    assert told == []


def test_what_python_has_itself_is_left_out(tmp_path: Path, told: list[tuple[str, ...]]) -> None:
    assert collect(tmp_path, "Django\nbackports.zoneinfo==0.2.1\n") == ["Django", install.SERVER]
    assert told[0][1:3] == ("backports.zoneinfo==0.2.1", "left out")


def test_nothing_listed_means_django(tmp_path: Path, told: list[tuple[str, ...]]) -> None:
    assert collect(tmp_path, None) == ["django", install.SERVER]
    assert told[0][1] == "none"


def test_asgi_has_its_worker(tmp_path: Path, told: list[tuple[str, ...]]) -> None:
    lines = collect(tmp_path, "Django\nuvicorn==0.30\n", interface="asgi")
    assert lines == ["Django", "uvicorn==0.30", install.SERVER, "uvicorn-worker", "websockets"]
    assert told == []


class Recorded(install.Installer):
    """Answers of uv and pip in their order, True for the rest."""

    def __init__(self, home: str, *answers: tuple[bool, str]) -> None:
        super().__init__(home)
        self.answers = list(answers)
        self.commands: list[str] = []

    def _run(self, command: list[str], extra: dict[str, str] | None = None) -> tuple[bool, str]:
        self.commands.append(" ".join(command).replace(self.home, "HOME"))
        return self.answers.pop(0) if self.answers else (True, "")


@pytest.fixture
def home(tmp_path: Path) -> str:
    (tmp_path / "source" / ".git").mkdir(parents=True)
    return str(tmp_path)


def test_uv_alone_where_it_can(home: str) -> None:
    installer = Recorded(home)
    assert installer.install(["Django"], [])
    assert len(installer.commands) == 1
    assert (Path(home) / "source/.git/ecdeployer-requirements.txt").read_text() == "Django\n"


def test_old_build_tools_before_pip(home: str) -> None:
    installer = Recorded(home, (False, "Failed to build `PyYAML==5.4.1`"), (False, "again"))
    assert installer.install(["PyYAML==5.4.1"], [])
    assert "--build-constraints" in installer.commands[1]
    assert "pip<24.1" in installer.commands[2]
    assert installer.commands[3].startswith(f"{installer.python} -m pip install")
    constraints = (Path(home) / "source/.git/ecdeployer-builds.txt").read_text().split()
    assert constraints == ["setuptools<66", "cython<3", "wheel<0.40"]


def test_a_lock_that_does_not_fit_is_let_go(home: str) -> None:
    installer = Recorded(home, (False, "no solution"), (True, ""), (False, "no solution"))
    assert installer.install(["Django"], ["Django==1.0"])
    assert "-c" in installer.commands[0].split()
    assert "-c" not in installer.commands[-1].split()


def test_nothing_helps(home: str) -> None:
    installer = Recorded(home, (False, "no solution"), (True, ""), (False, "no"))
    assert not installer.install(["Django==99"], [])
