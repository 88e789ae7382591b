import pytest
from django.test import Client
from django.urls import reverse
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application
from ecdeployer.commands import output
from ecdeployer.commands.models import Command
from ecdeployer.commands.states import CommandState
from ecdeployer.instances.models import Instance
from pytest_django import DjangoAssertNumQueries

from tests import portal_records as records


def address(bakery: Application, name: str = "list") -> str:
    return reverse(f"commands:{name}", args=[bakery.pk])


def test_a_command_is_asked_for_and_shown(visitor: Client, bakery: Application) -> None:
    answer = visitor.post(address(bakery), {"words": "python manage.py migrate --plan"}, follow=True)
    assert "manage.py migrate --plan" in answer.content.decode()
    assert Command.objects.get().arguments == {"words": ["migrate", "--plan"]}
    assert "manage.py migrate --plan" in visitor.get(address(bakery)).content.decode()


def test_a_mistake_stands_beside_the_field(visitor: Client, bakery: Application) -> None:
    answer = visitor.post(address(bakery), {"words": "dbshell"})
    assert answer.status_code == 422
    assert "waits for somebody at a keyboard" in answer.content.decode()
    assert not Command.objects.exists()


def test_a_stopped_machine_is_said(visitor: Client, bakery: Application) -> None:
    Instance.objects.update(state="stopped")
    answer = visitor.post(address(bakery), {"words": "check"})
    assert "Commands need a machine that runs" in answer.content.decode()


def test_a_superuser_is_asked_for(visitor: Client, bakery: Application) -> None:
    given = {"username": "ada", "password": "correct horse", "password_again": "wrong horse"}
    refused = visitor.post(address(bakery, "superuser"), given)
    assert refused.status_code == 422
    assert "The two passwords differ" in refused.content.decode()
    assert b"correct horse" not in refused.content
    visitor.post(address(bakery, "superuser"), {**given, "password_again": "correct horse"})
    assert Command.objects.get().arguments["username"] == "ada"


def test_the_output_grows_without_a_reload(visitor: Client, command: Command) -> None:
    live = reverse("commands:live", args=[command.pk])
    etag = visitor.get(live).headers["ETag"]
    assert visitor.get(live, headers={"If-None-Match": etag}).status_code == 304
    output.add(command, "<b>hello</b>\n")
    command.save()
    moved = visitor.get(live, headers={"If-None-Match": etag})
    assert "&lt;b&gt;hello" in moved.content.decode()
    command.move(CommandState.CANCELLED)
    assert visitor.get(live).status_code == 286
    text = visitor.get(reverse("commands:output", args=[command.pk]))
    assert (text.content, text.headers["Content-Type"]) == (b"<b>hello</b>\n", "text/plain; charset=utf-8")


def test_cancelling(visitor: Client, command: Command) -> None:
    visitor.post(reverse("commands:cancel", args=[command.pk]))
    command.refresh_from_db()
    assert command.state == CommandState.CANCELLED


@pytest.mark.parametrize("name", ["detail", "live", "output", "cancel"])
def test_nobody_elses_commands(client: Client, command: Command, name: str) -> None:
    client.force_login(records.make_person("rui"))
    method = client.post if name == "cancel" else client.get
    assert method(reverse(f"commands:{name}", args=[command.pk])).status_code == 404


def test_nobody_else_runs_anything(client: Client, bakery: Application) -> None:
    client.force_login(records.make_person("rui"))
    assert client.post(address(bakery), {"words": "check"}).status_code == 404
    assert client.post(address(bakery, "superuser"), {"username": "a"}).status_code == 404


def test_the_history_is_a_fixed_number_of_queries(
    visitor: Client, ines: User, bakery: Application, command: Command,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:  # fmt: skip
    for _ in range(2):
        with django_assert_num_queries(6):
            visitor.get(address(bakery))
        Command.objects.bulk_create(
            Command(
                application=bakery, instance=command.instance, action="manage", seconds=1,
                deadline=command.deadline, created_by=ines, arguments={"words": ["check"]},
            )
            for _ in range(15)
        )  # fmt: skip
