from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import MagicMock

import pytest
from django.utils import timezone
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application
from ecdeployer.aws import questions
from ecdeployer.aws.questions import Answer
from ecdeployer.figures import collecting
from ecdeployer.figures.models import Sample
from ecdeployer.instances.models import Instance

from tests.portal_records import make_live, make_person


@pytest.fixture
def person(db: None) -> User:
    return make_person("ines")


@pytest.fixture
def application(person: User) -> Application:
    return make_live(person).application


@pytest.fixture
def instance(application: Application) -> Instance:
    return application.instances.get()


class RunCommand:
    """What was asked, and what machines answer: a text by their id."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[str], int]] = []
        self.texts: dict[str, str | None] = {}
        self.reads = 0

    def ask(self, _aws: Any, *, ec2_ids: list[str], arguments: dict[str, list[str]], **_: Any) -> str:
        self.asked.append((list(ec2_ids), int(arguments["Since"][0])))
        return f"command-{len(self.asked)}"

    def answers(self, _aws: Any, command_id: str) -> list[Answer]:
        self.reads += 1
        ec2_ids, _ = self.asked[int(command_id.removeprefix("command-")) - 1]
        found = [(ec2_id, self.texts.get(ec2_id, "")) for ec2_id in ec2_ids]
        return [
            Answer(ec2_id=ec2_id, status="InProgress" if text is None else "Success", output=text or "")
            for ec2_id, text in found
        ]


@pytest.fixture
def run_command(monkeypatch: pytest.MonkeyPatch) -> RunCommand:
    """By monkeypatch, as the tests do that put something else in its place: what they find is put back."""
    fake = RunCommand()
    monkeypatch.setattr(questions, "ask", fake.ask)
    monkeypatch.setattr(questions, "answers", fake.answers)
    monkeypatch.setattr(collecting, "aws", MagicMock())
    return fake


def minutes_ago(minutes: float) -> datetime:
    return timezone.now() - timedelta(minutes=minutes)


def make_sample(instance: Instance, at: datetime, **fields: Any) -> Sample:
    """At the beginning of the minute."""
    whole = datetime.fromtimestamp(at.timestamp() // 60 * 60, tz=UTC)
    values: dict[str, Any] = {
        "processor": 10.0, "memory": 40.0, "disk": 50.0,
        "requests": 60, "errors": 0, "median": 20, "slow": 80,
    }  # fmt: skip
    return Sample.objects.create(instance=instance, at=whole, **(values | fields))
