import json
import os
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from user_data import launch


def test_the_developers_values_stand_between_placeholders_and_our_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(launch, "ask_addresses", lambda: ["203.0.113.7"])
    document = {
        "environment": {
            "A": "given $(id)\n'",
            "DJANGO_SETTINGS_MODULE": "mine",
            "HOME": "/x",
            "PYTHONPATH": "/lib",
        },
        "placeholders": [["A", "placeholder"], ["B", "placeholder"]],
        "settings_module": "mysite.settings",
        "processes": [["worker", "$(id) of the project"]],
    }
    environment = launch.compose(document, "/srv/ecdeployer/releases/000001")
    assert environment["A"] == "given $(id)\n'"
    assert environment["B"] == "placeholder"
    assert environment["DJANGO_SETTINGS_MODULE"] == "ecdeployer_settings"
    assert environment["PYTHONPATH"] == "/srv/ecdeployer/releases/000001/python:/lib"
    assert "$(id)" not in environment["ECDEPLOYER_OVERLAY"]
    assert json.loads(environment["ECDEPLOYER_OVERLAY"])["addresses"] == ["203.0.113.7"]


def test_an_address_that_comes_later_is_the_sites_own_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "ask_addresses", lambda: ["203.0.113.7"])
    document = {"environment": {}, "placeholders": [], "addresses": ["203.0.113.7", "198.51.100.4"]}
    environment = launch.compose(document, "/srv/ecdeployer/releases/000001")
    assert json.loads(environment["ECDEPLOYER_OVERLAY"])["addresses"] == ["203.0.113.7", "198.51.100.4"]


class Metadata(BaseHTTPRequestHandler):
    """It is too late with its first answer, and without addresses in its second."""

    asked = 0

    def do_PUT(self) -> None:
        type(self).asked += 1
        time.sleep(1 if self.asked == 1 else 0)
        self.send(503 if self.asked == 2 else 200, "token")

    def do_GET(self) -> None:
        known = {"public-ipv4": "203.0.113.7", "local-ipv4": "10.0.0.7"}
        name = self.path.rpartition("/")[2]
        is_told = name in known and self.headers["X-aws-ec2-metadata-token"] == "token"
        self.send(200 if is_told else 404, known.get(name, ""))

    def send(self, status: int, text: str) -> None:
        with suppress(BrokenPipeError):
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.enable_socket
def test_addresses_are_asked_for_until_they_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Metadata) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(launch, "METADATA", f"127.0.0.1:{server.server_port}")
        monkeypatch.setattr(launch, "PATIENCE", (0.1, 5, 5))
        assert launch.ask_addresses() == ["203.0.113.7", "10.0.0.7"]
        monkeypatch.setattr(launch, "METADATA", "127.0.0.1:1")
        assert launch.ask_addresses() == []
        server.shutdown()
    assert Metadata.asked == 3


@pytest.mark.parametrize(
    ("arguments", "procfile", "line", "place"),
    [
        (("process", "worker"), "Procfile", "cd mysite && celery '$(id)' %s", "."),
        (("process", "worker"), "mysite/Procfile", "cd mysite && celery '$(id)' %s", "mysite"),
        (("process", "beat"), "", "celery beat", "mysite"),
        (("release",), "Procfile", "make ready", "."),
    ],
)
def test_a_line_is_one_argument_of_the_process_it_becomes(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: tuple[str, ...],
    procfile: str,
    line: str,
    place: str,
) -> None:
    document = {
        "environment": {},
        "placeholders": [],
        "project_directory": "mysite",
        "procfile": procfile,
        "processes": [["worker", "cd mysite && celery '$(id)' %s"], ["beat", "celery beat"]],
        "release_command": "make ready",
    }
    (tmp_path / "source/mysite").mkdir(parents=True)
    monkeypatch.setattr(launch, "ENVIRONMENT", f"{tmp_path}/{{}}.json")
    (tmp_path / f"{tmp_path.name}.json").write_text(json.dumps(document))
    monkeypatch.setattr(launch, "ask_addresses", list)
    monkeypatch.chdir(tmp_path)
    became: list[Any] = []
    monkeypatch.setattr(os, "execve", lambda *given: became.extend(given))
    launch.main(str(tmp_path), *arguments)
    assert became[1] == [f"{tmp_path}/venv/bin/python", f"{tmp_path}/python/ecdeployer_process.py", line]
    assert Path.cwd() == (tmp_path / "source" / place).resolve()
