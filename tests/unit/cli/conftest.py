"""The command line as people start it, against the portal in this process: no socket is opened."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests
from celery import current_app
from click.testing import CliRunner, Result
from django.core.wsgi import get_wsgi_application
from ecdeploy.main import main
from ecdeployer.accounts import tokens
from ecdeployer.accounts.models import User
from pytest_django import Settings
from requests.adapters import HTTPAdapter
from werkzeug.test import EnvironBuilder, run_wsgi_app

from tests.portal_records import make_person

PORTAL = "https://portal.example.com"


@dataclass
class Wire:
    """What the command line sends, and what is done to it on the way. ``before``: called for each request."""

    app: Any
    sent: list[requests.PreparedRequest] = field(default_factory=list)
    before: list[Callable[[], requests.Response | None]] = field(default_factory=list)

    def send(self, request: requests.PreparedRequest) -> requests.Response:
        self.sent.append(request)
        instead = self.before.pop(0)() if self.before else None
        return answer_of(request, instead) if instead is not None else self._ask(request)

    def _ask(self, request: requests.PreparedRequest) -> requests.Response:
        body = body_of(request)
        headers = [(name, str(value)) for name, value in request.headers.items() if name != "Content-Length"]
        path, _, query = request.path_url.partition("?")
        builder = EnvironBuilder(
            method=request.method or "",
            base_url=PORTAL,
            path=path,
            query_string=query,
            headers=headers,
            data=body,
        )
        parts, status, answered = run_wsgi_app(self.app, builder.get_environ(), buffered=True)
        answer = made(int(status.split()[0]), b"".join(parts), dict(answered.items()))
        return answer_of(request, answer)


def body_of(request: requests.PreparedRequest) -> bytes:
    """JSON, or nothing: other bodies are not sent."""
    assert isinstance(request.body, bytes | str | None)
    return request.body.encode() if isinstance(request.body, str) else request.body or b""


def made(status: int, body: bytes = b"", headers: Mapping[str, str] = {}) -> requests.Response:
    answer = requests.Response()
    answer.status_code = status
    answer.headers.update(headers)
    answer.raw = BytesIO(body)
    return answer


def answer_of(request: requests.PreparedRequest, answer: requests.Response) -> requests.Response:
    answer.request, answer.url = request, request.url or ""
    return answer


@pytest.fixture
def ines(db: None) -> User:
    return make_person("ines")


@pytest.fixture
def wire(settings: Settings, one_connection: None, monkeypatch: pytest.MonkeyPatch) -> Wire:
    settings.ALLOWED_HOSTS = ["portal.example.com", "testserver"]
    wire = Wire(get_wsgi_application())
    monkeypatch.setattr(HTTPAdapter, "send", lambda _, request, **__: wire.send(request))
    return wire


@pytest.fixture
def secret(ines: User) -> str:
    return tokens.create(ines, name="laptop", days=7)[1]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where nobody has signed in, in a directory that is no clone."""
    for name in ("ECDEPLOY_TOKEN", "ECDEPLOY_PORTAL", "ECDEPLOY_APP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


Ecdeploy = Callable[..., Result]


@pytest.fixture
def stranger(wire: Wire, home: Path) -> Ecdeploy:
    """ecdeploy of somebody who is not signed in. A failure of its own is raised here."""

    def start(*words: str, typed: str | None = None) -> Result:
        result = CliRunner().invoke(main, list(words), input=typed)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return start


@pytest.fixture
def ecdeploy(stranger: Ecdeploy, secret: str) -> Ecdeploy:
    """Signed in."""
    assert stranger("login", PORTAL, "--token-stdin", typed=f"{secret}\n").exit_code == 0
    return stranger


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> "Waits":
    waits = Waits()
    for module in ("following", "portal", "power_commands", "process_commands"):
        monkeypatch.setattr(f"ecdeploy.{module}.sleep", waits)
    return waits


@dataclass
class Waits:
    """What happens while the command line waits, one thing each time; after the last, it waits too long."""

    meanwhile: list[Callable[[], object]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        if self.meanwhile:
            self.meanwhile.pop(0)()
        elif len(self.seconds) > 20:
            raise AssertionError("It waits for something that does not come.")


@pytest.fixture(autouse=True)
def messages(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    sent: list[Any] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args, **_: sent.append((name, args)))
    return sent
