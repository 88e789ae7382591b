from typing import Any

import pytest
from django.test import Client
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application
from ecdeployer.commands import output
from ecdeployer.commands.models import Command
from ecdeployer.commands.states import CommandState
from pytest_django import DjangoAssertNumQueries

from tests import portal_records as records

ROOT = "/api/v1"


@pytest.fixture
def bakery(ines: User) -> Application:
    return records.make_live(ines).application


def read(program: Client, bakery: Application, **body: Any) -> Any:
    return program.post(f"{ROOT}/applications/{bakery.pk}/logs", body, content_type="application/json")


def test_a_log_is_followed_by_its_cursor(program: Client, bakery: Application) -> None:
    answer = read(program, bakery, follow=True)
    assert (answer.status_code, answer.json()["source"]) == (202, "web")
    address = answer.headers["Location"]
    assert program.get(address).json()["state"] == "queued"
    command = Command.objects.get()
    output.add(command, "one\n")
    command.state = CommandState.RUNNING
    command.save()
    part = program.get(f"{address}/lines").json()
    assert part == {"text": "one\n", "offset": 0, "next": 4, "complete": False}
    Command.objects.update(state=CommandState.SUCCEEDED)
    part = program.get(f"{address}/lines", {"offset": 4}).json()
    assert (part["text"], part["complete"]) == ("", True)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"source": "../etc"}, "source"), ({"search": "a\u202eb"}, "search"), ({"minutes": 3}, "minutes"),
        ({"lines": 10**9}, "lines"), ({"path": "/etc/passwd"}, "path"), ({"follow": "perhaps"}, "follow"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(program: Client, bakery: Application, body: Any, field: str) -> None:
    answer = read(program, bakery, **body)
    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])


def test_too_many_are_refused(program: Client, bakery: Application) -> None:
    answers = [read(program, bakery, source=name, follow=True) for name in ("web", "system", "supervisor")]
    assert [answer.status_code for answer in answers] == [202, 202, 409]


def test_nobody_elses_logs(program: Client, stranger: Client, bakery: Application) -> None:
    address = read(program, bakery).headers["Location"]
    for path in (address, f"{address}/lines", f"{ROOT}/applications/{bakery.pk}/logs/sources"):
        assert stranger.get(path).status_code == 404
    assert read(stranger, bakery).status_code == 404


def test_the_logs_there_are(
    program: Client, bakery: Application, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(4):
        found = program.get(f"{ROOT}/applications/{bakery.pk}/logs/sources").json()["sources"]
    assert found[0] == {"name": "web", "label": "Site", "size": None, "changed_at": None}
