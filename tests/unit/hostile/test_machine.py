"""What a machine says, which a hostile site may have written: bounded, of its own deployment alone, text."""

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from ecdeployer.accounts.models import User
from ecdeployer.deployments import reports, texts, watching
from ecdeployer.deployments.models import Deployment, Step
from ecdeployer.deployments.states import DeploymentState, StepName
from ecdeployer.instances import commands
from ecdeployer.machine_reports import BODY_LIMIT

from tests.portal_records import make_live, make_running

from .corpus import CORPUS, read_page

pytestmark = pytest.mark.django_db
TOKEN = "t" * 43
NOISE = [
    *CORPUS["everywhere"],
    "\x1b]0;title\x07\x1b[2J\x1b[1;1Hclean",
    "\x1b]8;;javascript:canary()\x1b\\link\x1b]8;;\x1b\\",
    "\x90q\x9c\x9b31m",
    "</pre></details><x-canary>",
    "\ufffd\udcff\udc80",
    "a\r" * 1000,
]


@pytest.fixture
def deployment(ines: User) -> Deployment:
    made = make_running(ines, at=StepName.CLONE)
    Step.objects.filter(deployment=made).update(log="", log_offset=0)
    Deployment.objects.filter(pk=made.pk).update(
        report_token_hash=reports.hash_of(TOKEN),
        changes=[],
        started_at=timezone.now(),
        deadline=timezone.now() + timedelta(minutes=5),
    )
    return made


def say(deployment: Deployment, body: bytes | dict[str, Any], token: str = TOKEN) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    header = {"authorization": f"Bearer {token}"}
    path = reverse("reports:receive", args=[deployment.pk])
    return Client().post(path, data, content_type="application/json", headers=header)


def part(text: str, *, offset: int = 0, following: int = 1) -> dict[str, Any]:
    return {"logs": [{"step": "clone", "offset": offset, "next": following, "text": text}]}


def test_a_hostile_sites_log_is_text_everywhere(
    visitor: Client, program: Client, deployment: Deployment
) -> None:
    for number, text in enumerate(NOISE):
        answer = say(deployment, part(text[:100_000] + "\n", offset=number, following=number + 1))
        assert answer.status_code == 200, ascii(text[:80])
    log = Step.objects.get(deployment=deployment, name="clone").log
    assert not [sign for sign in log if ord(sign) < 32 and sign not in "\n\t"]
    assert not set(log) & set("\x7f\x85\x9b\u202e\u2066\u2028\u061c\ufeff\ud800\udcff")
    assert "<script>canary()</script>" in log
    for name in ("detail", "live"):
        page = visitor.get(reverse(f"deployments:{name}", args=[deployment.pk]))
        foreign, _ = read_page(page.content.decode())
        assert foreign == []
    raw = visitor.get(reverse("deployments:log", args=[deployment.pk, "clone"]))
    assert raw.content.decode() == log
    assert raw.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert raw.headers["X-Content-Type-Options"] == "nosniff"
    assert "script-src 'self'" in raw.headers["Content-Security-Policy"]
    told, offset = "", 0
    while offset < len(log):
        answer = program.get(f"/api/v1/deployments/{deployment.pk}/steps/clone/log?offset={offset}")
        told, offset = told + answer.json()["text"], answer.json()["next"]
    assert told == log


def test_every_text_of_a_report_is_cleaned_and_shown_as_text(visitor: Client, deployment: Deployment) -> None:
    text = " ".join(text[:200] for text in CORPUS["everywhere"])
    change = dict.fromkeys(("setting", "from", "to", "why"), text)
    event = {"number": 1, "step": "clone", "state": "succeeded", "at": time.time(), "message": text[:900]}
    result = {"state": "failed", "step": "venv", "reason": text, "code": "venv-failed"}
    assert say(deployment, {"events": [event], "changes": [change], "result": result}).status_code == 200
    deployment.refresh_from_db()
    watching.conclude(deployment)
    deployment.refresh_from_db()
    assert deployment.state == DeploymentState.FAILED
    kept = [deployment.reason, *deployment.changes[0].values(), deployment.steps.get(name="clone").message]
    for each in kept:
        assert len(each) <= 2000
        assert each == texts.clean(each)
        assert "<script>" in each
    for path in (
        reverse("deployments:detail", args=[deployment.pk]),
        deployment.application.get_absolute_url(),
        reverse("applications:events", args=[deployment.application_id]),
    ):
        foreign, words = read_page(visitor.get(path).content.decode())
        assert foreign == []
        assert "<script>canary()</script>" in words


def test_bytes_that_are_no_report_change_nothing(deployment: Deployment) -> None:
    before = list(Step.objects.filter(deployment=deployment).values())
    bodies = [b"", b"null", b"0", b"[]", b"{", b"[" * 200_000, b'{"a":' * 40_000, b"\xff\xfe",
              b"\xed\xa0\x80",
              b'{"logs": [' + b"9" * 5000 + b"]}", b'{"events": [{"number": 1e999}]}']  # fmt: skip
    bodies += [text.encode("utf-8", "surrogatepass")[:BODY_LIMIT] for text in CORPUS["everywhere"]]
    bodies += [json.dumps(text).encode()[:BODY_LIMIT] for text in CORPUS["everywhere"]]
    for name in ("number", "step", "state", "at"):
        event = {"number": 1, "step": "clone", "state": "running", "at": 1.0, "message": ""}
        bodies += [json.dumps({"events": [{**event, name: text}]}).encode() for text in CORPUS["everywhere"]]
    for body in bodies:
        assert say(deployment, body).status_code == 400, body[:80]
    assert list(Step.objects.filter(deployment=deployment).values()) == before


def test_a_report_is_bounded_and_so_is_what_is_kept(deployment: Deployment) -> None:
    assert say(deployment, b" " * (BODY_LIMIT + 1)).status_code == 413
    size, offset = BODY_LIMIT - 1000, 0
    for _ in range(12):
        assert say(deployment, part("x" * size, offset=offset, following=offset + size)).status_code == 200
        offset += size
    assert len(Step.objects.get(deployment=deployment, name="clone").log) <= texts.LOG_LIMIT


def test_nobody_but_the_machine_of_a_deployment_reports(deployment: Deployment, ines: User) -> None:
    other = make_live(ines, "other")
    printable = [text.encode().decode("latin-1") for text in CORPUS["everywhere"] if text.isprintable()]
    for token in ["", "t" * 42, "T" * 43, TOKEN + " x", reports.hash_of(TOKEN), *printable]:
        assert say(deployment, part("x"), token=token).status_code == 401, token[:80]
    assert say(deployment, b" " * (BODY_LIMIT + 1), token="wrong").status_code == 401
    assert say(other, part("x")).status_code == 409
    assert (
        Client().post(reverse("reports:receive", args=[deployment.pk]), b"{}", content_type="x").status_code
        == 401
    )
    assert Step.objects.get(deployment=deployment, name="clone").log == ""


@pytest.mark.parametrize(
    "text",
    [
        "\r" * BODY_LIMIT,
        "\r\n" * (BODY_LIMIT // 2),
        "\x1b" * BODY_LIMIT,
        "\x1b[" * (BODY_LIMIT // 2),
        "\x1b[" + "0" * BODY_LIMIT,
        "\x1b[" + "0" * (BODY_LIMIT // 2) + " " * (BODY_LIMIT // 2),
        "\x1b]" * (BODY_LIMIT // 2),
        "\x1b " + " " * BODY_LIMIT,
        "\u202e" * BODY_LIMIT,
    ],
    ids=lambda text: ascii(text[:4]),
)
def test_cleaning_takes_time_in_proportion(text: str) -> None:
    """A log of carriage returns once took the square of its length: hours for a single report."""
    began = time.process_time()
    texts.clean(text)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "text", ["[" * 24_000, "nonsense", "", "[]", "\ud800", '{"logs": NaN', *CORPUS["everywhere"]]
)
def test_what_a_machine_answers_to_a_question_is_read_as_strictly(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    assert commands._parse(text) is None


def test_an_answer_that_is_no_report_is_asked_for_again(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for answer in (
        {"logs": 1},
        {"x": 1},
        {"events": [{"number": float("nan")}]},
        {"result": {"state": "<b>"}},
    ):
        monkeypatch.setattr(commands, "status", lambda *_, answer=answer: answer)
        Deployment.objects.filter(pk=deployment.pk).update(heard_at=timezone.now() - timedelta(hours=1))
        deployment.refresh_from_db()
        assert watching.watch(deployment) is not None
        deployment.refresh_from_db()
        assert deployment.state == DeploymentState.RUNNING


def test_the_console_of_a_machine_is_text(
    visitor: Client, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "\n".join(NOISE)[-200_000:]
    monkeypatch.setattr(commands, "console", lambda _: said)
    deployment.refresh_from_db()
    watching._keep_console(deployment, StepName.CLONE)
    log = Step.objects.get(deployment=deployment, name="clone").log
    assert len(log) < watching.CONSOLE + 100
    assert log == texts.clean(log)
    page = visitor.get(reverse("deployments:detail", args=[deployment.pk])).content.decode()
    assert read_page(page)[0] == []
