"""Every answer of the portal behind https, as a browser gets it: its headers, its cookies, its markup."""

import re
import runpy
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from allauth.account.internal.flows.manage_email import sync_user_email_address
from django.http import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from ecdeployer.accounts import tokens
from ecdeployer.accounts.models import User
from ecdeployer.applications import views
from pytest_django import Settings

from ecdeployer import settings as portal_settings
from tests.portal_records import make_person

from .test_tenancy import all_rows

HOST = "portal.example.com"
#: What a browser fetches by itself, and the attribute that says from where.
ASSETS = {"script": "src", "link": "href", "img": "src", "use": "href", "source": "src", "iframe": "src"}


def walk(resolver: URLResolver, *names: str) -> Iterator[tuple[str, URLPattern]]:
    for each in resolver.url_patterns:
        if isinstance(each, URLResolver):
            yield from walk(each, *names, *([each.namespace] if each.namespace else []))
        elif each.name:
            yield ":".join([*names, each.name]), each


PATTERNS = dict(walk(get_resolver()))


@pytest.fixture(autouse=True)
def behind_https(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings as they are for such a portal, but for what tests have in place of services."""
    monkeypatch.setenv("PORTAL_URL", f"https://{HOST}")
    monkeypatch.setenv("LOG_FORMAT", "line")
    given = runpy.run_path(str(Path(portal_settings.__file__)), run_name="ecdeployer.settings_of_tests")
    mine = {"CACHES", "STORAGES", "STATIC_ROOT", "PASSWORD_HASHERS", "DATABASES", "EMAIL_BACKEND", "LOGGING"}
    for name in given.keys() - mine:
        if name.isupper() and given[name] != getattr(settings, name, None):
            setattr(settings, name, given[name])
    assert settings.SECURE_HSTS_SECONDS


@pytest.fixture
def operator(db: None) -> User:
    return make_person("operator", is_staff=True, is_superuser=True)


def path_of(name: str, filled: dict[str, Any]) -> str:
    room = name.rpartition(":")[0].partition(":")[0]
    pattern = PATTERNS[name].pattern
    wanted = set(pattern.converters) | set(getattr(pattern, "regex", re.compile("")).groupindex)
    named = {key: filled.get(f"{room}.{key}", filled.get(key)) for key in wanted}
    return reverse(name, kwargs=named)


class Markup(HTMLParser):
    """What a policy without 'unsafe-inline' would not run, and what comes from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.wrong += [
            f"{tag} {name}" for name in given if name == "style" or name.startswith(("on", "hx-on"))
        ]
        runs = tag == "script" and "src" not in given and given.get("type") != "application/json"
        if tag == "style" or runs:
            self.wrong.append(f"inline {tag}")
        address = given.get(ASSETS.get(tag, ""), "")
        if address and not re.match(r"/(?!/)|#|data:image/", address):
            self.wrong.append(f"{tag} from {address}")


def hold(answer: HttpResponseBase) -> None:
    """Whatever the answer is about."""
    headers = answer.headers
    policy = dict(
        part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";") if part
    )
    assert policy["default-src"] in {"'self'", "'none'"}
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == policy["object-src"] == "'none'"
    assert not re.search(r"unsafe|\*|http:", headers["Content-Security-Policy"])
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
    for name, cookie in answer.cookies.items():
        assert name.startswith("__Host-"), name
        assert cookie["secure"], name
        assert cookie["httponly"] or cookie["max-age"] == 0, name
        assert (cookie["path"], cookie["domain"]) == ("/", ""), name
        assert cookie["samesite"] in {"Lax", "Strict"}, name
    if headers.get("Content-Type", "").startswith("text/html"):
        markup = Markup()
        markup.feed(getattr(answer, "content", b"").decode())
        assert markup.wrong == []


def private(answer: HttpResponseBase) -> None:
    rules = answer.headers["Cache-Control"]
    assert "private" in rules
    assert re.search("no-store|no-cache", rules)
    assert "public" not in rules


def browser(person: User | None = None, **named: Any) -> Client:
    client = Client(raise_request_exception=False, SERVER_NAME=HOST, **named)
    if person:
        client.force_login(person)
    return client


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_every_address(filled: dict[str, Any], owner: User, operator: User, name: str) -> None:
    path = path_of(name, filled)
    for person in (owner, operator):
        sync_user_email_address(person)  # As when they sign in.
    people = [browser(person) for person in (None, owner, operator)]
    before = all_rows()
    looks = [client.get(path, secure=True) for client in people]
    assert all_rows() == before, "to look has changed something"
    for answer in (*looks, *(client.post(path, secure=True) for client in people)):
        assert answer.status_code < 500
        hold(answer)
        private(answer)


@pytest.mark.parametrize("name", ["applications:live", "deployments:live"])
def test_a_fragment(filled: dict[str, Any], owner: User, name: str) -> None:
    answer = browser(owner).get(path_of(name, filled), headers={"HX-Request": "true"}, secure=True)
    assert answer.status_code in (200, 286)
    hold(answer)
    private(answer)


def test_what_is_refused(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    signed_in = browser(owner)
    other_host = signed_in.get("/", secure=True, headers={"host": "elsewhere.example.com"})
    no_token = browser(owner, enforce_csrf_checks=True).post("/applications/new/", secure=True)
    nothing = signed_in.get("/nothing/", secure=True)
    method = signed_in.delete("/applications/", secure=True)
    forbidden = signed_in.get("/admin/applications/event/", secure=True, follow=True)
    monkeypatch.setattr(views, "dashboard", Mock(side_effect=RuntimeError))
    broken = signed_in.get("/applications/", secure=True)
    answers = [other_host, no_token, nothing, method, forbidden, broken]
    assert [answer.status_code for answer in answers] == [400, 403, 404, 405, 403, 500]
    for answer in answers:
        hold(answer)
        private(answer)


def test_too_many_requests(db: None, settings: Settings) -> None:
    settings.SIGN_UP = True
    settings.ACCOUNT_RATE_LIMITS = {"signup": "1/h/ip"}
    form = {"username": "x", "email": "x", "password1": "x", "password2": "x"}
    answers = [browser().post(reverse("account_signup"), form, secure=True) for _ in range(2)]
    assert answers[-1].status_code == 429
    hold(answers[-1])


def test_signing_in_and_out(owner: User) -> None:
    client = browser()
    form = {"login": "ines", "password": "correct horse battery"}
    answers = [
        client.get(reverse("account_login"), secure=True),
        client.post(reverse("account_login"), form, secure=True),
        client.get(reverse("applications:list"), secure=True),
        client.post(reverse("account_logout"), secure=True),
    ]
    assert {name for answer in answers for name in answer.cookies} == {"__Host-session", "__Host-csrf"}
    assert answers[2].status_code == 200
    for answer in answers:
        hold(answer)


def test_a_program(owner: User) -> None:
    _, secret = tokens.create(owner, name="ci", days=1)
    for headers in ({}, {"authorization": f"Bearer {secret}"}):
        for path in ("/api/v1/applications", "/api/v1/nothing", "/api/v1/limits"):
            answer = browser().get(path, secure=True, headers=headers)
            hold(answer)
            private(answer)


def test_what_a_site_printed_is_text(filled: dict[str, Any], owner: User) -> None:
    answer = browser(owner).get(path_of("deployments:log", filled), secure=True)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    hold(answer)
    private(answer)


def test_a_static_file(settings: Settings, tmp_path: Path, db: None) -> None:
    settings.STATIC_ROOT = str(tmp_path)
    (tmp_path / "portal.css").write_text("body {}")
    answer = browser().get("/static/portal.css", secure=True)
    assert answer.status_code == 200
    answer.close()
    assert "private" not in answer.headers["Cache-Control"]
    hold(answer)


def test_plain_http_is_redirected(db: None) -> None:
    answer = browser().get("/applications/?q=x")
    assert (answer.status_code, answer.headers["Location"]) == (301, f"https://{HOST}/applications/?q=x")
    assert "Content-Security-Policy" in answer.headers
