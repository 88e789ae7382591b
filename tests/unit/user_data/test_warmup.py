import asyncio
import importlib
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[3] / "user_data"
OVERLAY = {
    "home": "/srv/ecdeployer/releases/000002",
    "addresses": ["203.0.113.7"],
    "health_path": "/health/?deep=1",
    "interface": "wsgi",
}


@pytest.fixture
def warmup(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("ECDEPLOYER_OVERLAY", json.dumps(OVERLAY))
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.delitem(sys.modules, "ecdeployer_warmup", raising=False)
    return importlib.import_module("ecdeployer_warmup")


class Worker:
    """It is heard of while it waits, and then its project has migrated."""

    def __init__(self, *marks: Path) -> None:
        self.marks = list(marks)

    def notify(self) -> None:
        self.marks.pop().unlink()


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_worker_loads_nothing_before_its_project_has_migrated(warmup: Any, tmp_path: Path) -> None:
    mark = tmp_path / "000002.waiting"
    mark.touch()
    warmup.WAITING = str(mark)
    warmup.wait_for_turn(Worker(mark))
    assert not mark.exists()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_worker_answers_the_health_path_by_itself(warmup: Any) -> None:
    asked: list[dict[str, Any]] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        asked.append(environ)
        start_response("200 OK", [])(b"")
        return [b"fine"]

    warmup.ask_wsgi(application)
    (environ,) = asked
    assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == ("/health/", "deep=1")
    assert environ["HTTP_HOST"] == "203.0.113.7"


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3)])
def test_what_goes_wrong_is_left_for_the_check(warmup: Any, error: BaseException) -> None:
    def application(_environ: dict[str, Any], _start_response: Any) -> list[bytes]:
        raise error

    warmup.ask_wsgi(application)


def test_the_last_of_those_that_start_together_says_so(
    warmup: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    warmup.together = 2
    said = []
    for _ in range(3):
        warmup.wait_for_turn(Worker())
        warmup.end_turn()
        said.append(capsys.readouterr().err)
    one = "A worker is ready.\n"
    assert said == [one, one + "All workers are ready.\n", one]


def start(warmup: Any, application: Any) -> list[str]:
    """What happens when a server starts an ASGI application, in order."""
    happened: list[str] = []

    async def wrapped(scope: dict[str, Any], receive: Any, send: Any) -> None:
        happened.append(scope["type"] + scope.get("path", ""))
        await application(scope, receive, send)

    async def send(message: dict[str, Any]) -> None:
        happened.append(message["type"])

    async def receive() -> dict[str, Any]:
        return {"type": "lifespan.startup"}

    async def run() -> None:
        try:
            await warmup.AskedFirst(wrapped)({"type": "lifespan"}, receive, send)
        except ValueError as error:
            happened.append(str(error))

    asyncio.run(run())
    return happened


def test_an_asgi_application_is_asked_before_its_server_listens(warmup: Any) -> None:
    async def application(scope: dict[str, Any], _receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await send({"type": "lifespan.startup.complete"})

    assert start(warmup, application) == ["lifespan", "http/health/", "lifespan.startup.complete"]


def test_so_is_one_that_knows_no_lifespan(warmup: Any) -> None:
    async def application(scope: dict[str, Any], _receive: Any, _send: Any) -> None:
        if scope["type"] == "lifespan":
            raise ValueError("unknown")
        raise OSError("broken")

    assert start(warmup, application) == ["lifespan", "http/health/", "unknown"]
