"""What a machine does when it is asked: the output goes to the portal, whole and without secrets."""

import json
import subprocess
import sys
import urllib.error
from collections.abc import Callable
from email.message import Message
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from user_data import act, report


class Portal:
    """What is posted, kept as the portal keeps it. ``failing``: answers in place of the first ones."""

    def __init__(self) -> None:
        self.offset, self.text = 0, ""
        self.ends: list[tuple[int, str]] = []
        self.failing: list[int] = []

    def open(self, request: Any, timeout: float) -> Any:
        if self.failing:
            raise urllib.error.HTTPError(request.full_url, self.failing.pop(0), "", Message(), None)
        body = json.loads(request.data)
        assert len(request.data) < 256 * 1024
        if body["offset"] == self.offset:
            self.offset, self.text = body["next"], self.text + body["text"]
        if body["exit_code"] is not None:
            self.ends.append((body["exit_code"], body["reason"]))
        return BytesIO(json.dumps({"next": self.offset}).encode())


@pytest.fixture
def portal(monkeypatch: pytest.MonkeyPatch) -> Portal:
    portal = Portal()
    monkeypatch.setattr(report.OPENER, "open", portal.open)
    return portal


@pytest.fixture
def run(tmp_path: Path, portal: Portal, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Runs a shell script as an action of its own; the printed report."""
    environments = tmp_path / "environment"
    environments.mkdir()
    for release, secret in (("000001", "old-secret-value"), ("000002", "new-secret-value")):
        (environments / f"{release}.json").write_text(json.dumps({"environment": {"KEY": secret}}))
    learn = report.Deployment.learn_secrets
    monkeypatch.setattr(act, "ENVIRONMENTS", str(environments))
    monkeypatch.setattr(
        report.Deployment, "learn_secrets", lambda self, release: learn(self, release, str(environments))
    )
    monkeypatch.setattr(act, "FOLDER", str(tmp_path))
    monkeypatch.setattr(act, "PAUSE", 0.05)

    def run(script: str, **arguments: Any) -> dict[str, Any]:
        monkeypatch.setitem(act.ACTIONS, "script", lambda _: (["sh", "-c", script], ""))
        request = {"command": "c", "action": "script", "arguments": arguments, "seconds": 20}
        return act.Act(request | {"report_url": "http://portal/", "report_token": "t"}).run()

    return run


Run = Callable[..., dict[str, Any]]


def test_all_of_it_arrives_the_last_line_without_an_end_too(run: Run, portal: Portal) -> None:
    assert run("printf 'one\\ntwo'; exit 3")["exit_code"] == 3
    assert (portal.text, portal.ends) == ("one\ntwo", [(3, "")])


def test_secrets_of_every_release_stay(run: Run, portal: Portal) -> None:
    run("echo old-secret-value new-secret-value")
    assert portal.text == "****** ******\n"


def test_a_secret_at_the_edge_of_a_report_stays(run: Run, portal: Portal) -> None:
    lead = act.CHUNK - 5
    run(f"head -c {lead} /dev/zero | tr '\\0' x; printf new-secret-value; head -c 9 /dev/zero | tr '\\0' y")
    assert portal.text == "x" * lead + "******" + "y" * 9


def test_a_letter_at_the_edge_of_a_report_is_whole(run: Run, portal: Portal, tmp_path: Path) -> None:
    (tmp_path / "letters").write_text("x" + "ü" * 50_000, encoding="utf-8")
    run(f"cat {tmp_path}/letters")
    assert portal.text == "x" + "ü" * 50_000


def test_a_portal_that_stumbles_at_the_end_is_told_again(run: Run, portal: Portal) -> None:
    portal.failing = [502, 503]
    run("echo hello")
    assert (portal.text, portal.ends) == ("hello\n", [(0, "")])


def test_what_nobody_wants_is_ended(run: Run, portal: Portal) -> None:
    portal.failing = [410]
    assert run("echo hello; sleep 20")["reason"] == "It was cancelled."
    assert portal.ends == []


def test_what_nobody_hears_is_not_followed(run: Run, portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(act, "HEARTBEAT", 0.05)
    monkeypatch.setattr(act, "DEAF", 0.2)
    portal.failing = [502] * 100
    printed = run("echo hello; sleep 20", follow=True)
    assert "cannot reach the portal" in printed["reason"]
    assert printed["text"] == "hello\n"


@pytest.mark.parametrize("bad", [b"\xff" * 39_999, b"\x01" * 39_999])
def test_no_report_is_larger_than_the_portal_takes(
    run: Run, portal: Portal, tmp_path: Path, bad: bytes
) -> None:
    (tmp_path / "bad").write_bytes(bad + b"\n")
    run(f"cat {tmp_path}/bad")
    assert portal.offset == len(bad) + 1


def test_logs_are_read_by_an_account_that_owns_nothing() -> None:
    command, given = act.ACTIONS["logs"]({"source": "web"})
    assert command[:4] == ["setpriv", "--reuid=nobody", "--regid=adm", "--groups=adm,systemd-journal"]
    assert "--no-new-privs" in command
    assert json.loads(given) == {"source": "web"}


def test_the_output_does_not_stay_on_the_machine(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run("true")
    request = {"command": "c2", "action": "script", "arguments": {}, "seconds": 5}
    path = tmp_path / "request"
    path.write_text(json.dumps(request | {"report_url": "http://portal/", "report_token": "t"}))
    act.main(str(path))
    assert json.loads(capsys.readouterr().out)["exit_code"] == 0
    assert [each.name for each in tmp_path.glob("c2*")] == ["c2.done"]


PROJECT = """\
import io, json, sys
import django
from django.conf import settings

settings.configure(
    SECRET_KEY="x",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    PASSWORD_HASHERS=[f"django.contrib.auth.hashers.{name}" for name in sys.argv[2:]],
)
django.setup()
from django.core.management import call_command

call_command("migrate", verbosity=0)
try:
    exec(sys.argv[1], {})
except SystemExit as end:
    print(end)
from django.contrib.auth import authenticate, get_user_model

print(get_user_model().objects.count(), bool(authenticate(username="ines", password="a good one")))
"""


@pytest.mark.parametrize(
    ("hashers", "said"),
    [
        (["ScryptPasswordHasher", "PBKDF2PasswordHasher"], ["Created the superuser ines.", "1 True"]),
        (["ScryptPasswordHasher"], ["django.contrib.auth.hashers.PBKDF2PasswordHasher", "0 False"]),
    ],
)
def test_a_superuser_can_sign_in_or_is_not_made(hashers: list[str], said: list[str]) -> None:
    password = PBKDF2PasswordHasher().encode("a good one", "s" * 22, 1000)
    given = json.dumps({"username": "ines", "email": "ines@example.com", "password_hash": password})
    done = subprocess.run(
        [sys.executable, "-c", PROJECT, act.SUPERUSER, *hashers],
        input=given, capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert len(lines) == 2, done
    assert all(words in line for words, line in zip(said, lines, strict=True)), lines
