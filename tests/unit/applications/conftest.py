from typing import Any

import pytest
from celery import current_app
from django.test import Client
from ecdeployer.accounts.models import User

from tests.portal_records import make_person


@pytest.fixture
def ines(db: None) -> User:
    return make_person("ines")


@pytest.fixture
def visitor(client: Client, ines: User) -> Client:
    """A browser in which Ines is signed in."""
    client.force_login(ines)
    return client


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What went to the broker."""
    sent: list[tuple[str, Any]] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args, **_: sent.append((name, args)))
    return sent
