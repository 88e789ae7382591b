"""What a machine makes of the maintenance that is wanted of it."""

import fcntl
import json
import os
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from tests.unit.hostile.corpus import CORPUS
from user_data import maintenance

WANTED: dict[str, Any] = {
    "revision": 3,
    "on": True,
    "around": False,
    "retry_after": 600,
    "message": "Back at noon.",
    "addresses": ["203.0.113.0/24", "2001:db8::1/128"],
}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Its folder; the programs that were run."""
    ran: list[list[str]] = []

    class Done:
        returncode = 0

    def run(command: list[str], **_: Any) -> Done:
        ran.append(command)
        return Done()

    for name, file in (("CONF", "maintenance.conf"), ("PAGE", "page.html"), ("STATE", "state.json")):
        monkeypatch.setattr(maintenance, name, f"{tmp_path}/{file}")
    monkeypatch.setattr(maintenance, "FOLDER", str(tmp_path))
    monkeypatch.setattr(maintenance, "SITE", f"{tmp_path}/site.conf")
    monkeypatch.setattr("user_data.maintenance.subprocess.run", run)
    monkeypatch.setattr(maintenance, "is_deploying", lambda: False)
    return ran


def reasons(folder: Path) -> set[str]:
    return set(json.loads((folder / "state.json").read_text())["reasons"])


def tell(folder: Path, **changes: Any) -> None:
    (folder / "deployment.json").write_text(json.dumps({"maintenance": WANTED | changes}))
    maintenance.main("told", f"{folder}/deployment.json")


def test_it_is_on_while_any_reason_holds(tmp_path: Path, machine: list[list[str]]) -> None:
    maintenance.main("on", "move", "--until", "1764169200")
    tell(tmp_path, around=True)
    (tmp_path / "site.conf").write_text("include /etc/ecdeployer/nginx/maintenance.conf;")
    maintenance.main("around")
    assert reasons(tmp_path) == {"move", "person", "deployment"}
    maintenance.main("off", "deployment")
    maintenance.main("off", "move")
    assert "return" not in (tmp_path / "maintenance.conf").read_text()
    assert reasons(tmp_path) == {"person"}
    assert "default 1;" in (tmp_path / "maintenance.conf").read_text()
    tell(tmp_path, revision=4, on=False)
    assert (tmp_path / "maintenance.conf").read_text() == maintenance.OFF


def test_a_deployment_that_was_not_asked_to_switches_nothing_on(
    tmp_path: Path, machine: list[list[str]]
) -> None:
    (tmp_path / "site.conf").touch()
    tell(tmp_path, on=False)
    maintenance.main("around")
    assert reasons(tmp_path) == set()


def test_a_first_deployment_has_no_visitors(tmp_path: Path, machine: list[list[str]]) -> None:
    tell(tmp_path, on=False, around=True)
    maintenance.main("around")
    assert reasons(tmp_path) == set()
    assert machine == []


def test_what_is_older_changes_nothing(tmp_path: Path, machine: list[list[str]]) -> None:
    tell(tmp_path)
    tell(tmp_path, revision=2, on=False, message="Old.")
    state = json.loads((tmp_path / "state.json").read_text())
    assert set(state["reasons"]) == {"person"}
    assert (state["revision"], state["message"]) == (3, "Back at noon.")


def test_nginx_is_reloaded_for_a_change_alone(tmp_path: Path, machine: list[list[str]]) -> None:
    (tmp_path / "site.conf").touch()
    tell(tmp_path)
    tell(tmp_path)
    maintenance.main("off", "deployment")
    assert machine == [["nginx", "-qt"], ["systemctl", "reload", "nginx"]]


def test_what_nginx_refuses_is_put_back(
    tmp_path: Path, machine: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refused:
        returncode = 1

    (tmp_path / "site.conf").touch()
    monkeypatch.setattr("user_data.maintenance.subprocess.run", lambda *_, **__: Refused())
    with pytest.raises(SystemExit, match="refuses"):
        tell(tmp_path)
    assert (tmp_path / "maintenance.conf").read_text() == maintenance.OFF


def test_nginx_may_read_what_is_written(tmp_path: Path, machine: list[list[str]]) -> None:
    """Run Command's scripts have a umask of their own."""
    before = os.umask(0o077)
    try:
        tell(tmp_path)
    finally:
        os.umask(before)
    assert (tmp_path / "page.html").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("name", "text", "works"),
    [
        ("000012.conf", "include /etc/ecdeployer/nginx/maintenance.conf;", True),
        ("000012.conf", "server {}", False),
        ("held.conf", "server {}", True),
    ],
)
def test_a_release_of_an_older_portal_does_not_obey(
    tmp_path: Path, machine: list[list[str]], name: str, text: str, *, works: bool
) -> None:
    (tmp_path / name).write_text(text)
    (tmp_path / "site.conf").symlink_to(tmp_path / name)
    assert maintenance.obeys() == works


def test_until_is_a_date_for_visitors(tmp_path: Path, machine: list[list[str]]) -> None:
    maintenance.main("on", "move", "--until", "1764169200")
    text = (tmp_path / "maintenance.conf").read_text()
    shown = text.split("ecdeployer_retry_after {")[1].split('"')[1]
    assert parsedate_to_datetime(shown).timestamp() == 1764169200


@pytest.mark.parametrize(
    "changes",
    [
        {"retry_after": 0},
        {"retry_after": maintenance.LONGEST + 1},
        {"message": "x" * 501},
        {"addresses": ["10.0.0.1"] * 51},
        {"addresses": ["fe80::1%in;}"]},
        {"addresses": ["10.0.0.1/8"]},
    ],
)
def test_what_no_portal_sends_is_refused(
    tmp_path: Path, machine: list[list[str]], changes: dict[str, Any]
) -> None:
    with pytest.raises((SystemExit, ValueError)):
        tell(tmp_path, **changes)
    assert not (tmp_path / "maintenance.conf").exists()


@pytest.mark.parametrize("text", [text for text in CORPUS["everywhere"] if len(text) < 500])
def test_a_hostile_address_never_reaches_nginx(text: str) -> None:
    with pytest.raises((SystemExit, ValueError)):
        maintenance.read_wanted(WANTED | {"addresses": [text]})


@pytest.mark.parametrize("text", [text for text in CORPUS["everywhere"] if len(text) < 500])
def test_a_hostile_message_is_text_on_the_page_and_nowhere_else(text: str) -> None:
    state = maintenance.NOTHING | {"reasons": {"person": 0}, "message": text}
    assert maintenance.render(state) == maintenance.render(state | {"message": ""})
    plain = maintenance.page(maintenance.NOTHING)
    assert maintenance.page(state).count("<") == plain.count("<")


def test_a_deployment_that_was_killed_does_not_hold_the_site_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "lock"
    assert not maintenance.is_deploying(str(lock))
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert maintenance.is_deploying(str(lock))
    assert not maintenance.is_deploying(str(lock))
