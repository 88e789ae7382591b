"""The page of processes: what the machine told, what is asked of it, and a restart."""

import datetime as dt
import json
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application, Event
from ecdeployer.commands import actions, processes
from ecdeployer.commands import output as printed
from ecdeployer.commands.models import Command
from ecdeployer.commands.states import CommandState
from ecdeployer.deployments.models import Deployment
from ecdeployer.instances.models import Instance
from pytest_django import DjangoAssertNumQueries

from tests import portal_records as records
from tests.unit.hostile.corpus import CORPUS, read_page

ROW = {"name": "worker", "state": "RUNNING", "since": 1_700_000_000, "pid": 7, "memory": 41, "exit": 0}


@pytest.fixture
def shop(bakery: Application) -> Application:
    """Its release has a worker beside the site."""
    deployment = Deployment.objects.get()
    facts = {"project_directory": "shop", "settings_module": "shop.settings"}
    deployment.facts = {**facts, "processes": [["worker", "celery -A shop <worker>"]]}
    deployment.save(update_fields=["facts"])
    return bakery


def told(
    application: Application, output: str, *, state: str = "succeeded", action: str = "processes"
) -> Command:
    instance = Instance.objects.get()
    now = timezone.now()
    command = Command.objects.create(
        application=application, instance=instance, action=action, seconds=1, state=state,
        deadline=now, finished_at=now, arguments={"name": "worker"} if action == "restart" else {},
    )  # fmt: skip
    say(command, output)
    return command


def say(command: Command, text: str) -> None:
    """As a report of its machine's is kept."""
    printed.add(command, text)
    command.save(update_fields=["output_length"])


def answer(*rows: Any) -> str:
    scheduled = {"revision": 0, "runs": {str(UUID(int=1)): [{"at": 5, "seconds": 0.5, "exit": 0}]}}
    return json.dumps({"release": "000001", "processes": list(rows), "schedules": scheduled}) + "\n"


def address(application: Application, name: str = "list", *more: str) -> str:
    return reverse(f"processes:{name}", args=[application.pk, *more])


def test_what_was_declared_stands_there_before_it_was_told(visitor: Client, shop: Application) -> None:
    page = visitor.get(address(shop)).content.decode()
    assert "celery -A shop &lt;worker&gt;" in page
    assert "Not known yet" in page
    assert 'hx-trigger="load, submit"' in page


def test_what_the_machine_told_is_shown_with_its_time(visitor: Client, shop: Application) -> None:
    told(shop, "some words\n" + answer({**ROW, "name": "web"}, ROW, {**ROW, "name": "odd", "state": "FATAL"}))
    page = visitor.get(address(shop)).content.decode()
    assert "pid 7" in page
    assert "41 MiB" in page
    assert "Fatal" in page
    assert 'hx-trigger="submit"' in page
    reading = processes.read(shop)
    assert [(each.name, each.state) for each in reading.processes] == [
        ("web", "RUNNING"),
        ("worker", "RUNNING"),
        ("odd", "FATAL"),
    ]
    assert reading.processes[1].since == dt.datetime(2023, 11, 14, 22, 13, 20, tzinfo=dt.UTC)


def test_the_machine_is_asked_once_and_the_page_follows(
    visitor: Client, shop: Application, messages: list[Any]
) -> None:
    with_htmx = {"HX-Request": "true"}
    fragment = visitor.post(address(shop, "ask"), headers=with_htmx)
    assert 'hx-trigger="every 1s"' in fragment.content.decode()
    assert visitor.post(address(shop, "ask")).headers["Location"] == address(shop)
    [command] = Command.objects.all()
    assert (command.action, command.state) == ("processes", "queued")
    live = visitor.get(address(shop, "live"))
    assert live.status_code == 200
    assert visitor.get(address(shop, "live"), headers={"If-None-Match": live["ETag"]}).status_code == 304
    command.move(CommandState.RUNNING)
    say(command, answer(ROW))
    command.move(CommandState.SUCCEEDED, finished_at=timezone.now())
    last = visitor.get(address(shop, "live"), headers={"If-None-Match": live["ETag"]})
    assert last.status_code == 286
    assert "pid 7" in last.content.decode()
    assert not Event.objects.filter(verb="processes").exists()


def test_of_old_answers_few_are_kept(shop: Application, ines: User) -> None:
    for _ in range(6):
        told(shop, answer(ROW))
    told(shop, answer(ROW), action="restart")
    actions.ask_processes(shop, by=ines)
    assert Command.objects.filter(action="processes").count() == 4
    assert Command.objects.filter(action="restart").count() == 1


def test_a_restart_is_asked_for_and_its_failure_told(visitor: Client, shop: Application) -> None:
    visitor.post(address(shop, "restart", "worker"))
    command = Command.objects.get()
    assert (command.action, command.arguments, command.line) == (
        "restart",
        {"name": "worker"},
        "restart worker",
    )
    assert Event.objects.filter(verb="process restarted", detail="worker").exists()
    page = visitor.post(address(shop, "restart", "web"), follow=True).content.decode()
    assert "Another restart is under way" in page
    assert "Restart worker" in page
    command.move(CommandState.RUNNING)
    say(command, "...\nThe process worker ends as soon as it starts\n")
    command.move(CommandState.FAILED, exit_code=1)
    page = visitor.get(address(shop)).content.decode()
    assert "The process worker ends as soon as it starts" in page
    assert 'hx-trigger="submit"' in page


def test_only_what_is_there_is_restarted(visitor: Client, shop: Application) -> None:
    assert visitor.post(address(shop, "restart", "nothing")).status_code == 404
    assert not Command.objects.exists()


def test_a_machine_that_does_not_run_is_not_asked(visitor: Client, shop: Application) -> None:
    Instance.objects.update(state="stopped")
    page = visitor.post(address(shop, "ask"), follow=True).content.decode()
    assert "Commands need a machine that runs" in page
    assert 'hx-trigger="submit"' in page
    assert not Command.objects.exists()


def test_an_application_without_a_release_has_none(visitor: Client, ines: User) -> None:
    page = visitor.get(address(records.make_queued(ines).application)).content.decode()
    assert "None yet." in page


@pytest.mark.parametrize(("name", "more"), [("list", []), ("live", []), ("ask", []), ("restart", ["web"])])
def test_nobody_elses_processes(client: Client, shop: Application, name: str, more: list[str]) -> None:
    client.force_login(records.make_person("rui"))
    method = client.post if name in ("ask", "restart") else client.get
    assert method(address(shop, name, *more)).status_code == 404


@pytest.mark.parametrize(
    "output",
    [
        "",
        "nonsense",
        "[]",
        "{}",
        "[" * 100_000,
        '{"processes": 1}',
        '{"processes": [1]}',
        answer({**ROW, "name": "../x"}),
        answer({**ROW, "name": ["a"]}),
        answer({**ROW, "state": "<b>"}),
        answer({**ROW, "state": []}),
        answer({**ROW, "pid": True}),
        answer({**ROW, "pid": "7"}),
        answer({**ROW, "since": 1 << 60}),
        answer({**ROW, "memory": float("nan")}),
        *CORPUS["everywhere"],
        *(answer({**ROW, "name": text}) for text in CORPUS["everywhere"] if text not in ("-rf", "--")),
    ],
)
def test_what_no_machine_of_ours_says_is_no_answer(output: str) -> None:
    assert processes.parse(output) is None


def test_a_hostile_line_is_text(visitor: Client, shop: Application) -> None:
    deployment = Deployment.objects.get()
    lines = [[f"p{number}", text] for number, text in enumerate(CORPUS["everywhere"])]
    deployment.facts = {**deployment.facts, "processes": [pair for pair in lines if "\0" not in pair[1]]}
    deployment.facts["processes"] = [pair for pair in deployment.facts["processes"] if pair[1].isprintable()]
    deployment.save(update_fields=["facts"])
    foreign, words = read_page(visitor.get(address(shop)).content.decode())
    assert foreign == []
    assert "<script>canary()</script>" in words


def test_the_page_is_a_fixed_number_of_queries(
    visitor: Client, shop: Application, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    told(shop, answer(ROW))
    for _ in range(2):
        with django_assert_num_queries(8):
            visitor.get(address(shop))
        for _ in range(4):
            told(shop, answer(ROW))
