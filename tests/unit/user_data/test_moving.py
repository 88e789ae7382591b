"""The parts of moving that need no machine: limits, fetching, and what a held site lets happen."""

import http.client
import http.server
import io
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from user_data import act, launch, moving, program, seal, standing

CONTENT = os.urandom(300_000)


class Broken(http.server.BaseHTTPRequestHandler):
    """Gives a third of what is missing, and closes."""

    asked: list[str] = []

    def do_GET(self) -> None:
        start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        Broken.asked.append(f"{self.path} {start}")
        if self.path.endswith("/missing"):
            self.send_response(404)
            self.end_headers()
            return
        self.send_response(206)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[start : start + 100_000])

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def source(socket_enabled: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[moving.Source]:
    server = http.server.HTTPServer(("127.0.0.1", 0), Broken)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    real = http.client.HTTPConnection
    monkeypatch.setattr(
        http.client, "HTTPConnection", lambda host, **how: real(host, server.server_port, **how)
    )
    monkeypatch.setattr(moving, "PAUSE", 0.01)
    monkeypatch.setattr(moving, "INCOMING", "/tmp/here")
    Broken.asked = []
    yield moving.Source("127.0.0.1", "place")
    server.shutdown()
    server.server_close()


def test_what_breaks_off_goes_on_where_it_was(source: moving.Source, tmp_path: Path) -> None:
    source.fetch("files", str(tmp_path / "files"))
    assert (tmp_path / "files").read_bytes() == CONTENT
    path = "/.well-known/ecdeployer/place/files"
    assert Broken.asked == [f"{path} 0", f"{path} 100000", f"{path} 200000"]


def test_what_does_not_come_is_given_up(
    source: moving.Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "PATIENCE", 0.1)
    with pytest.raises(SystemExit, match="does not give its missing"):
        source.fetch("missing", str(tmp_path / "missing"))


def test_more_than_the_disk_holds_is_not_fetched(
    source: moving.Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "SPARE", 1 << 60)
    with pytest.raises(SystemExit, match="The disk has no room"):
        source.fetch("files", str(tmp_path / "files"))


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888"])
def test_nothing_is_fetched_from_elsewhere(address: str) -> None:
    with pytest.raises(SystemExit, match="no private one"):
        moving.Source(address, "place")


@pytest.mark.parametrize("address", ["", "localhost", "10.0.0.1/../x", "10.0.0.1:8000"])
def test_an_address_is_an_address(address: str) -> None:
    with pytest.raises(ValueError, match="IPv4"):
        moving.Source(address, "place")


def test_a_failure_is_one_line_that_a_person_can_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: dict[str, Any]) -> dict[str, Any]:
        raise seal.SealError("What was handed over is not what was sealed.")

    monkeypatch.setitem(moving.ACTIONS, "take-over", fail)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("sys.stdin", io.StringIO("{}"))
    with pytest.raises(SystemExit, match="not what was sealed"):
        moving.main("take-over")


def test_every_action_is_one_that_a_machine_knows() -> None:
    assert set(moving.ACTIONS) <= set(act.ACTIONS)
    command, given = act.ACTIONS["hand-over"]({"key": "the-key", "lease": 600})
    assert "the-key" not in " ".join(command)
    assert json.loads(given) == {"key": "the-key", "lease": 600}


def test_a_part_is_bound_to_those_beside_it() -> None:
    alone, both = (
        moving.purpose_of("files", {"files": 1}),
        moving.purpose_of("files", {"redis": 1, "files": 1}),
    )
    assert alone != both
    assert both == moving.purpose_of("files", {"files": 1, "redis": 1})


@pytest.fixture
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "held"
    for module in (standing, launch):
        monkeypatch.setattr(module, "HELD", str(path))
    return path


def test_nothing_of_a_held_site_is_started(
    held: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "CURRENT", str(tmp_path))
    assert launch.as_site("manage", "check")
    held.touch()
    with pytest.raises(SystemExit, match="moved"):
        launch.as_site("manage", "check")
    with pytest.raises(SystemExit, match="moved"):
        launch.main("/srv/ecdeployer/releases/000001", "manage", "check")


def test_the_address_may_be_on_its_way_back(held: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    standing.save(str(held), {})
    asked: list[str] = []

    def resume() -> None:
        asked.append("resume")
        if len(asked) == 3:
            held.unlink()

    monkeypatch.setattr(standing, "end", lambda: asked.append("end"))
    monkeypatch.setattr(standing, "resume", resume)
    monkeypatch.setattr("time.sleep", lambda _: None)
    assert moving.resume({}) == {}
    assert asked == ["end", "resume", "resume"]
    standing.save(str(held), {})
    monkeypatch.setattr(moving, "PATIENCE", 0.0)
    with pytest.raises(SystemExit, match="another machine"):
        moving.resume({})


def test_programs_end_side_by_side_and_then_what_is_left_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    states = [["a:a", "b:b"], ["b:b"], []]

    class Supervisor:
        def stopProcess(self, name: str, wait: bool) -> None:  # noqa: N802
            asked.append((name, wait))

    def kill(command: list[str], **_: Any) -> Any:
        asked.append(command[0])
        return Mock(returncode=asked.count("pkill") - 1)

    monkeypatch.setattr(program, "supervisor", Supervisor)
    monkeypatch.setattr(standing, "running", lambda: states.pop(0))
    monkeypatch.setattr("subprocess.run", kill)
    standing.stop_all()
    assert asked == [("a:a", False), ("b:b", False), "pkill", "pkill"]
    assert states == []


def test_supervisor_is_asked_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    class Supervisor:
        def getAllProcessInfo(self) -> list[dict[str, str]]:  # noqa: N802 - supervisor's own name
            rows = [("site-000001", "RUNNING"), ("process-worker", "BACKOFF"), ("process-beat", "STOPPED")]
            return [{"group": name, "name": name, "statename": state} for name, state in rows]

    monkeypatch.setattr(program, "supervisor", Supervisor)
    assert standing.running() == ["site-000001:site-000001", "process-worker:process-worker"]


@pytest.mark.parametrize(("now", "serves"), [("10.0.0.1", True), ("", True), ("10.0.0.2", False)])
def test_a_site_comes_back_only_where_its_address_is(
    held: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: str, *, serves: bool
) -> None:
    """Metadata that says nothing says nothing against it."""
    boot = tmp_path / "boot"
    boot.touch()
    standing.save(
        str(held), {"address": "10.0.0.1", "site": "/a.conf", "programs": ["site-000001:site-000001"]}
    )
    done: list[Any] = []
    monkeypatch.setattr(standing, "AT_BOOT", str(boot))
    monkeypatch.setattr(standing, "ARCHIVE", str(tmp_path / "archive"))
    monkeypatch.setattr(standing, "ask_addresses", lambda: [now] if now else [])
    monkeypatch.setattr(standing, "link", lambda _: None)
    monkeypatch.setattr(standing, "is_shutting_down", lambda: False)
    monkeypatch.setattr(standing, "start_all", lambda names: done.append((names, held.exists())))
    monkeypatch.setattr(standing, "point_nginx", done.append)
    standing.resume()
    assert done == ([(["site-000001:site-000001"], False), "/a.conf"] if serves else [])
    assert held.exists() != serves
    standing.resume()
    assert len(done) == (2 if serves else 0)
