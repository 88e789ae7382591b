from typing import Any

import pytest
from celery import current_app
from django.test import Client
from ecdeployer.accounts.models import User

from tests.portal_records import make_person
from tests.programs import client_of


@pytest.fixture
def ines(db: None) -> User:
    return make_person("ines")


@pytest.fixture
def program(ines: User) -> Client:
    return client_of(ines)


@pytest.fixture
def stranger(ines: User) -> Client:
    """A program of somebody else."""
    return client_of(make_person("rui"))


@pytest.fixture(autouse=True)
def messages(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What went to the broker."""
    sent: list[tuple[str, Any]] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args, **_: sent.append((name, args)))
    return sent
