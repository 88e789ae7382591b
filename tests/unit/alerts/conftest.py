from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from ecdeployer.accounts.models import User
from ecdeployer.alerts import outbox
from ecdeployer.alerts.models import AlertSettings, Notification
from ecdeployer.applications.models import Application
from ecdeployer.outbound import Answer
from pytest_django import Settings

from ecdeployer import outbound
from tests.portal_records import make_live, make_person

HOOK = "https://hooks.example.com/services/T0/B0/very-secret"
TOKEN = "github_pat_0123456789012345678901234567890123456789"


@pytest.fixture(autouse=True)
def mail_server(settings: Settings) -> None:
    settings.SENDS_EMAIL = True


@pytest.fixture
def person(db: None) -> User:
    return make_person("ines")


@pytest.fixture
def application(person: User) -> Application:
    return make_live(person, github_url="https://github.com/ada/bakery").application


@pytest.fixture
def rules(application: Application) -> AlertSettings:
    """Both channels, and a token for statuses."""
    return AlertSettings.objects.create(
        application=application, webhook_url=HOOK, status_token=TOKEN, deployments="all"
    )


class Internet:
    """What was posted, and what is answered next."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, bytes, dict[str, str]]] = []
        self.answers: list[Answer | Exception] = []

    def post(self, url: str, body: bytes, headers: dict[str, str], **_: Any) -> Answer:
        self.posted.append((url, body, dict(headers)))
        answer = self.answers.pop(0) if self.answers else Answer(200, "ok")
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Internet:
    fake = Internet()
    monkeypatch.setattr(outbound, "post", fake.post)
    return fake


@pytest.fixture
def put(application: Application) -> Callable[..., Notification]:
    def make(channel: str = Notification.Channel.WEBHOOK, **fields: Any) -> Notification:
        values: dict[str, Any] = {
            "key": str(uuid4()),
            "subject": "It failed",
            "text": "because",
            "payload": {},
        }
        return outbox.put(application.pk, channel, **(values | fields))

    return make


def now_due() -> None:
    Notification.objects.filter(state="waiting").update(due_at=timezone.now())
