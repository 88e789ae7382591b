from collections.abc import Callable
from typing import Any
from unittest.mock import Mock, create_autospec

import pytest
from django.test import Client
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application
from ecdeployer.aws import ec2
from ecdeployer.deployments import health
from ecdeployer.instances import addresses, power
from ecdeployer.instances.models import Instance
from ecdeployer.instances.states import InstanceState
from pytest_django import Settings

from tests import portal_records as records

AWAY = health.Health("address-unreachable", "http://203.0.113.10/ does not answer.")


@pytest.fixture
def ines(db: None) -> User:
    return records.make_person("ines")


@pytest.fixture
def visitor(client: Client, ines: User) -> Client:
    """A browser in which Ines is signed in."""
    client.force_login(ines)
    return client


@pytest.fixture
def bakery(ines: User, settings: Settings) -> Application:
    """A live application of hers, on a t3.micro."""
    settings.INSTANCE_TYPES = ["t3.micro", "t3.small"]
    settings.AWS_REGION = "eu-west-1"
    return records.make_live(ines).application


@pytest.fixture
def instance(bakery: Application) -> Instance:
    return bakery.instances.get()


@pytest.fixture(autouse=True)
def messages(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What went to the broker."""
    sent: list[tuple[str, Any]] = []
    monkeypatch.setattr("celery.current_app.send_task", lambda name, args, **_: sent.append((name, args)))
    return sent


class Power:
    """AWS's part, with the answers that EC2 gives at once; ``reach`` is what the next sweep sees."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fake(real: Any, module: Any, **behaviour: Any) -> Mock:
            double: Mock = create_autospec(real, **behaviour)
            monkeypatch.setattr(module, real.__name__, double)
            return double

        monkeypatch.setattr(power, "aws", lambda: None)
        self.stop = fake(ec2.stop, ec2, return_value="stopping")
        self.start = fake(ec2.start, ec2, return_value="pending")
        self.reboot = fake(ec2.reboot, ec2)
        self.set_type = fake(ec2.set_type, ec2)
        self.point = fake(addresses.point, addresses, return_value=True)
        self.ask = fake(health.ask, health, return_value=health.Health())

    def reach(self, state: InstanceState) -> None:
        Instance.objects.update(state=state)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Power:
    return Power(monkeypatch)


Reload = Callable[[], Instance]
