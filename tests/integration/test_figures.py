"""A site under load on a booted machine: its figures, and an outage that its owner is told of."""

import http.server
import json
import socketserver
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest

from tests.integration.deployment_stack import (
    BRIDGE,
    CLOUD_PORT,
    Stack,
    running_stack,
    start_worker,
    wait_until,
)
from tests.integration.guestbook import GUESTBOOK


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("stack")) as running:
        running.publish("guestbook", GUESTBOOK)
        yield running


class Mail(socketserver.StreamRequestHandler):
    """As much of SMTP as takes a message."""

    got: list[str] = []

    def handle(self) -> None:
        self.say(220)
        lines: list[str] | None = None
        for raw in self.rfile:
            line = raw.decode().rstrip("\r\n")
            if lines is not None and line != ".":
                lines.append(line)
            elif lines is not None:
                self.got.append("\n".join(lines))
                lines = None
                self.say(250)
            elif line.upper() == "DATA":
                lines = []
                self.say(354)
            else:
                self.say(221 if line.upper() == "QUIT" else 250)

    def say(self, code: int) -> None:
        self.wfile.write(f"{code} sink\r\n".encode())


class Chat(http.server.BaseHTTPRequestHandler):
    """A webhook in Slack's format."""

    got: list[str] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.got.append(body["text"])
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def listening(handler: type[socketserver.BaseRequestHandler]) -> Iterator[int]:
    with socketserver.ThreadingTCPServer((BRIDGE, 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@contextmanager
def visited(address: str) -> Iterator[None]:
    """Some ten requests a second, and each tenth for a page that there is not."""
    done = threading.Event()

    def visit() -> None:
        number = 0
        while not done.wait(0.1):
            number += 1
            with suppress(OSError):
                urllib.request.urlopen(address + ("none" if number % 10 == 0 else ""), timeout=5).close()  # noqa: S310

    thread = threading.Thread(target=visit)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def rows(stack: Stack, query: str) -> list[Any]:
    with psycopg.connect(stack.environment["DATABASE_URL"], autocommit=True) as connection:
        return list(connection.execute(query).fetchall())


def on_machine(instance: str, command: str) -> None:
    ssm = boto3.client(
        "ssm", endpoint_url=f"http://127.0.0.1:{CLOUD_PORT}", region_name="eu-west-1",
        aws_access_key_id="test", aws_secret_access_key="test",
    )  # fmt: skip
    ssm.send_command(
        InstanceIds=[instance], DocumentName="AWS-RunShellScript", Parameters={"commands": [command]}
    )


def tell_of(stack: Stack, mail: int, chat: int) -> None:
    """The worker learns where messages go, and the application of its webhook."""
    stack.environment["EMAIL_URL"] = f"smtp://{BRIDGE}:{mail}"
    stack.environment["ALERT_HOSTS"] = f"http://{BRIDGE}:{chat}"
    stack.manage(
        "shell", "--verbosity=0", "-c",
        "from ecdeployer.alerts.models import AlertSettings; from ecdeployer.accounts.models import User; "
        "from ecdeployer.applications.models import Application; "
        "User.objects.update(email='alice@example.com'); "
        "AlertSettings.objects.create(application=Application.objects.get(), "
        f"webhook_url='http://{BRIDGE}:{chat}/x')",
    )  # fmt: skip
    stack.kill("worker")
    start_worker(stack)


def figures(stack: Stack) -> list[Any]:
    """Minutes with requests. The machine is asked again at once, and not in three minutes."""
    time.sleep(5)
    rows(stack, "update figures_gauge set due_at = now() returning 1")
    return rows(
        stack, "select requests, errors, median, slow, disk, memory from figures_sample where requests > 100"
    )


def test_a_site_under_load_has_figures_and_its_owner_hears_of_an_outage(stack: Stack, tmp_path: Path) -> None:
    told, _ = stack.create("guestbook", "--project-name=guestbook")
    (address,) = told["addresses"]
    machine = told["instance"]["id"]
    with listening(Mail) as mail, listening(Chat) as chat:
        tell_of(stack, mail, chat)
        with visited(address):
            wait_until(lambda: len(figures(stack)) >= 2, seconds=360)
        for requests, errors, median, slow, disk, memory in figures(stack):
            assert errors == 0 < median <= slow < 60_000
            assert requests < 2000
            assert 0 < disk < 100
            assert 0 < memory < 100
        assert rows(stack, "select 1 from figures_uptime where checks > 0")

        on_machine(machine, "supervisorctl stop all")
        wait_until(lambda: len(Mail.got) == len(Chat.got) == 1, seconds=240)
        assert Chat.got == ["The site is down: guestbook"]
        assert "To: alice@example.com" in Mail.got[0]
        assert "answers 502" in Mail.got[0]
        [(reason, until)] = rows(stack, "select reason, until from figures_outage")
        assert (reason, until) == ("GET / answers 502.", None)

        on_machine(machine, "supervisorctl start all")
        wait_until(lambda: len(Mail.got) == len(Chat.got) == 2, seconds=180)
        assert Chat.got[1] == "Over: the site is down: guestbook"
        assert rows(stack, "select 1 from figures_outage where until is not null")
        assert len(rows(stack, "select 1 from alerts_notification where state = 'sent'")) == 4
