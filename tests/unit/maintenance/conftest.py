from typing import Any

import pytest
from django.test import Client
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application

from tests import portal_records as records


@pytest.fixture
def ines(db: None) -> User:
    return records.make_person("ines")


@pytest.fixture
def visitor(client: Client, ines: User) -> Client:
    """A browser in which Ines is signed in."""
    client.force_login(ines)
    return client


@pytest.fixture
def bakery(ines: User) -> Application:
    """A live application of hers."""
    return records.make_live(ines).application


@pytest.fixture(autouse=True)
def messages(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What went to the broker."""
    sent: list[tuple[str, Any]] = []
    monkeypatch.setattr("celery.current_app.send_task", lambda name, args, **_: sent.append((name, args)))
    return sent
