from typing import Any

import pytest
from celery import current_app
from django.test import Client
from ecdeployer.accounts.models import User
from pytest_django import Settings

from tests.portal_records import make_person
from tests.programs import client_of


@pytest.fixture
def ines(db: None, settings: Settings) -> User:
    """Somebody who may have any number of machines."""
    settings.MACHINES = settings.MACHINES_PER_OWNER = 10_000
    settings.MONTHLY_USD = settings.MONTHLY_USD_PER_OWNER = 10_000_000
    return make_person("ines")


@pytest.fixture
def visitor(client: Client, ines: User) -> Client:
    """A browser in which Ines is signed in."""
    client.force_login(ines)
    return client


@pytest.fixture
def program(ines: User) -> Client:
    """A program that acts as Ines."""
    return client_of(ines, raises=True)


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    def send(name: str, args: Any, **_: Any) -> None:
        assert all(isinstance(each, str) for each in args), name

    monkeypatch.setattr(current_app, "send_task", send)
