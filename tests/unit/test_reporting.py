"""What Sentry gets when something breaks: a transport that keeps it in place of the network's."""

import json
import logging
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest
import sentry_sdk
from django.test import Client
from django.urls import reverse
from ecdeployer.accounts.models import User
from ecdeployer.applications import actions
from ecdeployer.deployments import provisioning, tasks
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from ecdeployer import logs, reporting
from tests.portal_records import make_live, make_person, make_queued

pytestmark = pytest.mark.django_db
NAME = "zacharias"
SECRET = "hunter2-hunter2-hunter2"
VALUE = "sk_live_value_of_a_variable"


class Kept(Transport):
    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.events += [item.payload.json for item in envelope.items if item.payload.json]


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    transport = Kept()
    monkeypatch.setattr(logs.Redacting, "secrets", [SECRET])
    before = sentry_sdk.get_global_scope().client
    with sentry_sdk.isolation_scope():
        reporting.start("https://key@sentry.example.com/1", transport=transport)
        yield transport
    sentry_sdk.get_global_scope().set_client(before)


def held(events: list[dict[str, Any]], person: User) -> None:
    text = json.dumps(events)
    for secret in (
        SECRET,
        VALUE,
        "opensesame",
        "abcdefghijklmnop",
        person.username,
        person.email,
        "192.0.2.7",
    ):
        assert secret not in text, secret
    for event in events:
        assert "user" not in event
        assert event.get("request", {}).keys() <= {"method", "url"}
        for error in event.get("exception", {}).get("values", []):
            assert all("vars" not in frame for frame in error["stacktrace"]["frames"])


def unforeseen(*_: object, **named: Any) -> None:
    local = VALUE  # noqa: F841 - what a report on variables would have
    logging.getLogger("room").warning("with %s", SECRET, extra={"environment": {"STRIPE_SECRET": VALUE}})
    raise RuntimeError(f"{SECRET} at https://me:opensesame@host/ with Bearer abcdefghijklmnop")


def test_a_page_that_breaks(kept: Kept, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    person = make_person(NAME)
    application = make_live(person).application
    client.force_login(person)
    client.raise_request_exception = False
    monkeypatch.setattr(actions, "set_environment", unforeseen)
    answer = client.post(
        f"{reverse('applications:change-variable', args=[application.pk])}?token={SECRET}",
        {"name": "STRIPE_KEY", "value": VALUE},
        headers={"Authorization": "Bearer abcdefghijklmnop"},
        REMOTE_ADDR="192.0.2.7",
    )
    assert answer.status_code == 500
    assert kept.events
    assert "RuntimeError" in json.dumps(kept.events)
    held(kept.events, person)


def test_a_task_that_breaks(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    person = make_person(NAME)
    deployment = make_queued(person)

    def work(_: object) -> None:
        logs.hide([VALUE])
        unforeseen()

    monkeypatch.setattr(provisioning, "_work", work)
    monkeypatch.setattr(tasks.advance, "apply_async", Mock())
    tasks.advance.apply((str(deployment.pk),))
    assert "RuntimeError" in json.dumps(kept.events)
    held(kept.events, person)


def test_without_a_key_nothing_is_sent() -> None:
    assert not sentry_sdk.get_client().is_active()
