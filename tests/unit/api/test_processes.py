"""Processes and schedules through the API."""

from typing import Any

import pytest
from django.test import Client
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application, Schedule
from ecdeployer.commands.models import Command

from tests import portal_records as records
from tests.unit.commands.test_processes import ROW, answer, told

ROOT = "/api/v1"


@pytest.fixture
def bakery(ines: User) -> Application:
    return records.make_live(ines).application


def send(program: Client, verb: str, path: str, body: Any = "") -> Any:
    return getattr(program, verb)(f"{ROOT}/{path}", body, content_type="application/json")


def test_processes_are_told_asked_for_and_restarted(program: Client, bakery: Application) -> None:
    address = f"applications/{bakery.pk}/processes"
    told(bakery, answer({**ROW, "name": "web"}, ROW))
    found = program.get(f"{ROOT}/{address}").json()
    assert [(each["name"], each["state"], each["memory"]) for each in found["processes"]] == [
        ("web", "RUNNING", 41),
        ("worker", "RUNNING", 41),
    ]
    assert (found["asking"], found["failure"]) == (False, "")
    asked = send(program, "post", f"{address}/refresh")
    assert (asked.status_code, asked.json()["asking"]) == (202, True)
    assert send(program, "post", f"{address}/worker/restart").status_code == 202
    assert send(program, "post", f"{address}/worker/restart").status_code == 409
    assert send(program, "post", f"{address}/nothing/restart").status_code == 404
    assert {command.action for command in Command.objects.all()} == {"processes", "restart"}


def test_a_schedule_is_made_changed_run_and_removed(program: Client, bakery: Application) -> None:
    address = f"applications/{bakery.pk}/schedules"
    made = send(program, "post", address, {"cron": "0 4  * * *", "line": "manage.py shell -c 'print(1)'"})
    assert made.status_code == 201
    assert (made.json()["cron"], made.json()["line"]) == ("0 4 * * *", "manage.py shell -c 'print(1)'")
    assert program.get(made.headers["Location"]).json() == made.json()
    assert program.get(f"{ROOT}/{address}").json() == [made.json()]
    one = f"schedules/{made.json()['id']}"
    changed = send(program, "patch", one, {"enabled": False})
    assert (changed.json()["enabled"], changed.json()["line"]) == (False, made.json()["line"])
    assert send(program, "post", f"{one}/run").status_code == 409
    send(program, "patch", one, {"enabled": True, "cron": "1 4 * * *"})
    run = send(program, "post", f"{one}/run")
    assert (run.status_code, run.json()["action"]) == (202, "schedule")
    assert program.get(run.headers["Location"]).status_code == 200
    assert send(program, "delete", one).status_code == 204
    assert not Schedule.objects.exists()


@pytest.mark.parametrize(
    ("body", "field", "why"),
    [
        ({}, "cron", "required"),
        ({"cron": "never", "line": "check"}, "cron", "A schedule has five"),
        ({"cron": "0 4 * * *", "line": "dbshell"}, "line", "keyboard"),
        ({"cron": "0 4 * * *", "line": "x" * 301}, "line", "at most 300"),
        ({"cron": "0 4 * * *", "line": "a", "shell": 1}, "shell", "no such field"),
    ],
)
def test_a_mistake_is_named(
    program: Client, bakery: Application, body: dict[str, Any], field: str, why: str
) -> None:
    answered = send(program, "post", f"applications/{bakery.pk}/schedules", body)
    assert answered.status_code == 422
    assert why in answered.json()["errors"][field][0]
