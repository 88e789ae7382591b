"""Hostile strings in the rows, past every check: what pages, API, workers, logs and letters make of them."""

import io
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application, EnvironmentVariable, Event
from ecdeployer.deployments import provisioning
from ecdeployer.deployments.models import Deployment, Step
from pytest_django import Settings

from ecdeployer import logs
from tests.portal_records import make_asking, make_live, make_queued

from .corpus import CORPUS, SOME, is_unicode, post_form, read_page

pytestmark = pytest.mark.django_db
MARKUP = [text for text in CORPUS["everywhere"] if is_unicode(text) and len(text) < 1000]
#: What PostgreSQL can hold.
KEPT = [text for text in MARKUP if "\0" not in text]
LINKS = [
    "http://[canary",
    "javascript:canary()",
    "data:text/html,<x-canary>",
    "vbscript:canary()",
    " javascript:canary()",
]
#: Columns that hold no text of anybody's: choices of ours, and keys.
OURS = {
    "state",
    "kind",
    "trigger",
    "status",
    "failed_step",
    "through",
    "time_zone",
    "password",
    "report_token_hash",
    "hash",
}


def poison(row: Any, text: str) -> None:
    """Put the text into every column that holds text."""
    names = [
        field.attname
        for field in row._meta.concrete_fields
        if field.get_internal_type() in ("CharField", "TextField", "SlugField")
        and field.attname not in OURS
        and not field.primary_key
    ]
    type(row).objects.filter(pk=row.pk).update(**dict.fromkeys(names, text))


def poisoned(owner: User, text: str, make: Callable[[User], Deployment]) -> Deployment:
    deployment = make(owner)
    poison(deployment.application, text)
    poison(deployment.instance, text)
    poison(deployment, text)
    finding = {"code": text, "level": "error", "message": text, "remedy": text, "path": text, "line": 3}
    Deployment.objects.filter(pk=deployment.pk).update(
        findings=[finding, *({**each, "message": text, "path": text} for each in deployment.findings)],
        changes=[dict.fromkeys(("setting", "from", "to", "why"), text)],
        facts={"required_environment": [text], "settings_candidates": [text], "environment_examples": [text]},
        committed_at=timezone.now(),
    )
    Step.objects.filter(deployment=deployment).update(message=text, log=text)
    EnvironmentVariable.objects.filter(application=deployment.application).delete()
    EnvironmentVariable.objects.create(application=deployment.application, name=text, value="x")
    Event.objects.filter(application=deployment.application).update(
        verb=text, detail=text, actor_name=text, subject=f"deployment {deployment.number}"
    )
    return Deployment.objects.get(pk=deployment.pk)


def pages_of(deployment: Deployment) -> list[str]:
    names = ("detail", "live", "deployments", "events", "environment", "terminate")
    paths = [reverse(f"applications:{name}", args=[deployment.application_id]) for name in names]
    paths += [reverse(f"deployments:{name}", args=[deployment.pk]) for name in ("detail", "live")]
    return [*paths, reverse("applications:list"), reverse("tokens:list"), reverse("profile")]


@pytest.mark.parametrize("make", [make_asking, make_live], ids=["asking", "live"])
def test_every_page_shows_it_as_text(visitor: Client, ines: User, make: Callable[[User], Deployment]) -> None:
    one = [" ".join(filter(str.isprintable, MARKUP))]
    for text in [*one, *LINKS]:
        deployment = poisoned(ines, text, make)
        seen = ""
        for path in pages_of(deployment):
            answer = visitor.get(path)
            assert answer.status_code in (200, 286), (path, text)
            foreign, words = read_page(answer.content.decode())
            assert foreign == [], (path, text)
            seen += words
        assert seen.count(text.strip()) > 20, text
        Application.objects.filter(pk=deployment.application_id).update(name=f"{deployment.pk}")


@pytest.mark.filterwarnings("ignore:The default scheme")
def test_the_page_of_records_shows_it_as_text(client: Client, ines: User) -> None:
    ines.is_staff = ines.is_superuser = True
    ines.save()
    client.force_login(ines)
    text = " ".join(filter(str.isprintable, MARKUP))
    deployment = poisoned(ines, text, make_live)
    User.objects.filter(pk=ines.pk).update(username=text[:150], first_name=text, email=text)
    rows = [deployment, deployment.application, deployment.instance, ines]
    names = [(f"admin:{row._meta.app_label}_{row._meta.model_name}", row.pk) for row in rows]
    paths = [reverse(f"{name}_changelist") for name, _ in names]
    paths += [reverse(f"{name}_change", args=[pk]) for name, pk in names]
    for path in paths:
        answer = client.get(path)
        assert answer.status_code == 200, path
        foreign, words = read_page(answer.content.decode())
        assert [each for each in foreign if "canary" in each] == [], path
        assert "<script>canary()</script>" in words, path


def test_the_api_and_the_log_say_it_exactly(program: Client, visitor: Client, ines: User) -> None:
    for text in KEPT:
        deployment = poisoned(ines, text, make_live)
        application = program.get(f"/api/v1/applications/{deployment.application_id}")
        assert application.headers["Content-Type"].startswith("application/json")
        told = application.json()
        assert {told[name] for name in ("name", "description", "branch", "project_name", "github_url")} == {
            text
        }
        assert told["environment"] == [text]
        detail = program.get(f"/api/v1/deployments/{deployment.pk}").json()
        assert (detail["findings"][0]["message"], detail["changes"][0]["to"], detail["reason"]) == (text,) * 3
        part = program.get(f"/api/v1/deployments/{deployment.pk}/steps/install/log")
        assert (part.json()["text"], part.headers["X-Content-Type-Options"]) == (text, "nosniff")
        log = visitor.get(reverse("deployments:log", args=[deployment.pk, "install"]))
        assert log.content.decode() == text
        assert log.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert log.headers["X-Content-Type-Options"] == "nosniff"
        assert "script-src 'self'" in log.headers["Content-Security-Policy"]
        assert "default-src 'self'" in log.headers["Content-Security-Policy"]
        Application.objects.filter(pk=deployment.application_id).update(name=f"{deployment.pk}")


@pytest.mark.parametrize("column", ["github_url", "branch"])
def test_a_worker_refuses_what_the_form_would_have_refused(ines: User, column: str) -> None:
    """The address and the branch go to git: a row that holds another ends its deployment with a reason."""
    for number, text in enumerate(text for text in [*CORPUS[column], *SOME] if text):
        deployment = make_queued(ines, f"library{number}")
        Application.objects.filter(pk=deployment.application_id).update(**{column: text})
        provisioning.advance(deployment.pk)
        deployment.refresh_from_db()
        assert deployment.state == "failed", ascii(text)
        assert deployment.failure_code in ("repository-refused", "branch-refused"), (
            ascii(text),
            deployment.reason,
        )
        assert deployment.reason.isprintable(), ascii(text)
        assert len(deployment.reason) < 400, ascii(text)


@pytest.mark.parametrize("form", ["json", "line"])
def test_a_line_of_the_log_stays_one_line(form: str) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    style = {"json": logs.JsonLine, "line": logs.Redacting}[form]
    shape = "{levelname}{message}" if form == "json" else "{levelname} {message}{ids}"
    handler.setFormatter(style(shape, style="{"))
    for text in [
        *CORPUS["everywhere"],
        "x" * 1_000_000,
        "password=" * 100_000,
        "a://" * 100_000,
        "\r" * 300_000,
    ]:
        stream.seek(0)
        stream.truncate()
        with logs.bound(deployment="d1"):
            handler.emit(logging.LogRecord("room", logging.WARNING, __file__, 1, "found %s", (text,), None))
        (line, rest) = stream.getvalue().split("\n", 1)
        assert rest == "", ascii(text[:80])
        assert (
            line.isprintable() or "\u200b" in text or "\u200d" in text or "\u2060" in text or "\u00ad" in text
        )
        assert len(line) < 8 * logs.LONGEST
        line.encode()
        if form == "json":
            assert json.loads(line)["deployment"] == "d1"


def test_what_an_error_says_forges_no_line() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.Redacting("{levelname} {message}{ids}", style="{"))
    try:
        raise ValueError("a\nERROR forged\r\x1b[2J\u2028WARNING forged")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
        handler.emit(logging.LogRecord("room", logging.ERROR, __file__, 1, "it failed", (), info))
    first, *trace = stream.getvalue().rstrip("\n").split("\n")
    assert first == "ERROR it failed"
    assert all(line.startswith("  ") and line.isprintable() for line in trace)
    assert any("forged" in line for line in trace)


def test_a_letter_has_one_reader_and_one_subject(client: Client, ines: User, settings: Settings) -> None:
    """The only letters are those of signing up and of a forgotten password: plain text, to one address."""
    settings.ACCOUNT_RATE_LIMITS = False
    User.objects.filter(pk=ines.pk).update(username=" ".join(filter(str.isprintable, MARKUP))[:150])
    post_form(client, reverse("account_reset_password"), {"email": "ines@example.com"})
    for text in CORPUS["email"]:
        post_form(client, reverse("account_reset_password"), {"email": text})
    assert [letter.to for letter in mail.outbox if "ines@example.com" in letter.to] == [["ines@example.com"]]
    for letter in mail.outbox:
        assert (len(letter.to), letter.cc, letter.bcc) == (1, [], [])
        assert letter.subject.isprintable()
        assert letter.content_subtype == "plain"
        assert not getattr(letter, "alternatives", [])
        letter.message().as_bytes()
