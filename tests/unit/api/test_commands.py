"""manage.py through the API."""

from typing import Any

import pytest
from django.test import Client
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application
from ecdeployer.commands import output
from ecdeployer.commands.models import Command
from ecdeployer.commands.states import CommandState

from tests import portal_records as records

ROOT = "/api/v1"


@pytest.fixture
def bakery(ines: User) -> Application:
    return records.make_live(ines).application


def run(program: Client, application: Application, **body: Any) -> Any:
    address = f"{ROOT}/applications/{application.pk}/commands"
    return program.post(address, body, content_type="application/json")


def test_words_and_a_line_are_the_same(program: Client, bakery: Application, ines: User) -> None:
    for body in ({"words": ["migrate", "--plan"]}, {"line": "python manage.py migrate '--plan'"}):
        answer = run(program, bakery, **body)
        assert answer.status_code == 202
        assert answer.json()["line"] == "manage.py migrate --plan"
        assert (answer.json()["state"], answer.json()["created_by"]) == ("queued", "ines")
        assert program.get(answer.headers["Location"]).json() == answer.json()
    assert {command.created_by for command in bakery.commands.all()} == {ines}
    assert bakery.events.filter(verb="command", actor=ines).count() == 2


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({}, "line", "Enter a command"),
    ({"line": "   "}, "line", "Enter a command"),
    ({"line": "echo 'a"}, "line", "quotation mark"),
    ({"line": "dbshell"}, "line", "keyboard"),
    ({"words": ["dbshell"]}, "words", "keyboard"),
    ({"words": ["--plan"]}, "words", "Begin with the command's name"),
    ({"words": ["shell", "-c", "a\nb"]}, "words", "control character"),
    ({"words": ["a" * 4001]}, "words", "4,001 characters"),
    ({"words": ["a"] * 101}, "words", "100 items"),
    ({"words": ["\ud800"]}, "words", "control character"),
    ({"words": "migrate"}, "words", "valid list"),
    ({"words": ["check"], "line": "check"}, "line", "not both"),
    ({"shell": "id"}, "shell", "There is no such field."),
]


@pytest.mark.parametrize(("body", "field", "message"), WRONG, ids=[ascii(each[0])[:40] for each in WRONG])
def test_what_cannot_be_sent_is_named(
    program: Client, bakery: Application, body: dict[str, Any], field: str, message: str
) -> None:
    answer = run(program, bakery, **body)
    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])
    assert message in answer.json()["errors"][field][0]
    assert not Command.objects.exists()


def test_a_refusal_says_why(program: Client, ines: User) -> None:
    answer = run(program, records.make_stopped(ines).application, line="check")
    assert answer.status_code == 409
    assert "Deploy first." in answer.json()["detail"]


def test_a_list_goes_on_and_holds_what_people_asked_for(
    program: Client, stranger: Client, bakery: Application
) -> None:
    for _ in range(3):
        run(program, bakery, line="check")
    cancelling = Command.objects.get(pk=run_pk(bakery))
    Command.objects.filter(pk=cancelling.pk).update(action=Command.Action.CANCEL)
    address = f"{ROOT}/applications/{bakery.pk}/commands"
    first = program.get(address, {"limit": 1}).json()
    second = program.get(address, {"limit": 1, "cursor": first["next"]}).json()
    found = [each["id"] for page in (first, second) for each in page["commands"]]
    assert found == [str(command.pk) for command in bakery.commands.exclude(pk=cancelling.pk)]
    assert second["next"] is None
    assert program.get(f"{ROOT}/commands/{cancelling.pk}").status_code == 404
    assert program.get(f"{ROOT}/commands/{cancelling.pk}/output").status_code == 404
    assert stranger.get(address).status_code == 404


def run_pk(application: Application) -> Any:
    return application.commands.values_list("pk", flat=True)[0]


def test_its_output_is_read_on_until_it_has_ended(program: Client, bakery: Application) -> None:
    address = f"{ROOT}/commands/{run(program, bakery, line='check').json()['id']}"
    command = Command.objects.get()
    output.add(command, "ü" * 70_000)
    command.state = CommandState.RUNNING
    command.save()
    first = program.get(f"{address}/output").json()
    second = program.get(f"{address}/output", {"offset": first["next"]}).json()
    assert first["text"] + second["text"] == "ü" * 70_000
    assert (second["next"], second["complete"]) == (70_000, False)
    Command.objects.update(state=CommandState.FAILED, exit_code=3, reason="Exit code 3.")
    assert program.get(f"{address}/output", {"offset": 70_000}).json()["complete"] is True
    shown = program.get(address).json()
    assert (shown["state"], shown["exit_code"], shown["reason"]) == ("failed", 3, "Exit code 3.")
    assert "output" not in shown


def test_cancelling_ends_it_once(program: Client, stranger: Client, bakery: Application, ines: User) -> None:
    address = f"{ROOT}/commands/{run(program, bakery, line='check').json()['id']}/cancel"
    assert stranger.post(address).status_code == 404
    answer = program.post(address)
    assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")
    assert bakery.events.get(verb="command cancelled").actor == ines
    refused = program.post(address)
    assert refused.status_code == 409
    assert "ended already" in refused.json()["detail"]


def test_a_command_that_is_sent_again_runs_once(program: Client, bakery: Application) -> None:
    address = f"{ROOT}/applications/{bakery.pk}/commands"
    key = {"Idempotency-Key": "a"}
    answers = [
        program.post(address, {"line": "check"}, content_type="application/json", headers=key)
        for _ in range(2)
    ]
    assert answers[0].json() == answers[1].json()
    assert Command.objects.count() == 1
