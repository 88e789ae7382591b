"""The logs of a machine that boots: read, searched, followed as the site prints, taken away whole."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.deployment_stack import BRIDGE, WEB_PORT, Stack, running_stack, wait_until
from tests.integration.guestbook import GUESTBOOK

TALKING = """
import sys
from django.http import HttpResponse
from django.urls import path

def say(request, text, times):
    for number in range(times):
        sys.stdout.write(f"{text} {number}\\n")
    sys.stdout.buffer.write(b"bytes \\xff\\x1b[31mred\\x1b[0m\\n")
    sys.stdout.flush()
    return HttpResponse("said")

urlpatterns += [path("say/<str:text>/<int:times>/", say)]
"""
SECRET = "a-secret-of-the-site"


class Program:
    """Alice's, over the API."""

    def __init__(self, token: str) -> None:
        self.token = token

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        url = f"http://{BRIDGE}:{WEB_PORT}/api/v1{path}"
        request = urllib.request.Request(url, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return json.loads(answer.read())

    def read(self, application: str, **question: Any) -> str:
        """What a question that ends is answered."""
        reading = self.ask("POST", f"/applications/{application}/logs", question)
        return self.lines(reading["id"], seconds=60)

    def lines(self, reading: str, *, seconds: float) -> str:
        text, offset, until = "", 0, time.monotonic() + seconds
        while time.monotonic() < until:
            part = self.ask("GET", f"/logs/{reading}/lines?offset={offset}")
            text, offset = text + part["text"], part["next"]
            if part["complete"]:
                state = self.ask("GET", f"/logs/{reading}")
                assert state["state"] == "succeeded", (state, text)
                return str(text)
            time.sleep(0.2)
        raise AssertionError(f"not complete within {seconds} s")


class Site:
    def __init__(self, address: str, application: str) -> None:
        self.address, self.application = address, application

    def say(self, text: str, times: int = 1) -> None:
        url = f"{self.address}say/{urllib.parse.quote(text)}/{times}/"
        with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310
            assert answer.read() == b"said"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture(scope="module")
def program(stack: Stack) -> Program:
    made = (
        "from ecdeployer.accounts import tokens; from ecdeployer.accounts.models import User; "
        "print(tokens.create(User.objects.get(), name='test', days=1)[1])"
    )
    return Program(stack.manage("shell", "--verbosity=0", "-c", made)[0].strip())


@pytest.fixture(scope="module")
def site(stack: Stack, program: Program, tmp_path_factory: pytest.TempPathFactory) -> Site:
    tree = tmp_path_factory.mktemp("tree")
    urls = tree / "guestbook" / "guestbook" / "urls.py"
    urls.parent.mkdir(parents=True)
    urls.write_text((GUESTBOOK / "guestbook/guestbook/urls.py").read_text() + TALKING)
    stack.publish("talking", GUESTBOOK)
    stack.publish("talking", tree)
    told, _ = stack.create("talking", "--project-name=guestbook", "--name=talking", f"--env=KEY={SECRET}")
    (application,) = program.ask("GET", "/applications?name=talking")["applications"]
    return Site(told["addresses"][0], application["id"])


def test_lines_are_found_and_secrets_stay(program: Program, site: Site) -> None:
    site.say(f"needle {SECRET}")
    site.say("hay", 200)
    found = program.read(site.application, source="web", search="NEEDLE", lines=100, minutes=0)
    assert found == "needle ****** 0\n"
    last = program.read(site.application, source="web", lines=100, minutes=15).splitlines()
    assert (last[-2:], len(last)) == (["hay 199", "bytes \ufffdred"], 100)
    requests = program.read(site.application, source="nginx-access", search="/say/hay/200/")
    assert "200" in requests
    assert program.read(site.application, source="supervisor", search="entered RUNNING state")
    assert "systemd" in program.read(site.application, source="system")
    sources = program.ask("GET", f"/applications/{site.application}/logs/sources")["sources"]
    listed = {each["name"]: each for each in sources}
    assert listed["web"]["size"] > 1000
    assert listed["nginx-access"]["changed_at"]


def test_what_the_site_prints_is_seen_within_two_seconds(program: Program, site: Site) -> None:
    question = {"source": "web", "follow": True}
    reading = program.ask("POST", f"/applications/{site.application}/logs", question)["id"]
    shared = program.ask("POST", f"/applications/{site.application}/logs", question)["id"]
    assert shared == reading
    wait_until(lambda: program.ask("GET", f"/logs/{reading}")["length"] > 0, seconds=30)
    offset, waits = program.ask("GET", f"/logs/{reading}")["length"], []
    for number in range(8):
        site.say(f"now-{number}")
        said, text = time.monotonic(), ""
        while f"now-{number} 0" not in text:
            part = program.ask("GET", f"/logs/{reading}/lines?offset={offset}")
            text, offset = text + part["text"], part["next"]
            assert time.monotonic() - said < 10
            time.sleep(0.05)
        waits.append(time.monotonic() - said)
    print("live tail, seconds:", [round(wait, 2) for wait in sorted(waits)])
    assert sorted(waits)[4] < 2
    # Nobody asks any more: within the half minute it ends by itself, here and on the machine.
    wait_until(lambda: program.ask("GET", f"/logs/{reading}")["state"] == "cancelled", seconds=60)


def test_a_whole_log_comes_byte_true(program: Program, site: Site) -> None:
    site.say("line-ü", 30_000)
    began = time.monotonic()
    text = program.read(site.application, source="web", whole=True)
    print("whole log:", len(text), "characters,", round(time.monotonic() - began, 2), "s")
    expected = "".join(f"line-ü {number}\n" for number in range(30_000))
    assert expected in text
