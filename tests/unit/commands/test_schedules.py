"""Commands by the clock: their page, and how their machine learns of them."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application, Schedule
from ecdeployer.cloud_init.parameters import are_schedules
from ecdeployer.commands import actions
from ecdeployer.commands.forms import SCHEDULED_LENGTH
from ecdeployer.commands.models import Command
from ecdeployer.commands.states import CommandState
from ecdeployer.deployments.models import Deployment
from ecdeployer.deployments.parameters import parameters_of
from ecdeployer.instances.models import Instance

from tests import portal_records as records
from tests.unit.hostile.corpus import CORPUS, post_form, read_page

from .test_processes import answer, told

GIVEN = {"cron": "*/5  * * * *", "words": "python manage.py clearsessions"}


@pytest.fixture
def schedule(bakery: Application, ines: User) -> Schedule:
    made = actions.save_schedule(bakery, ["shell", "-c", "print('a b')"], "0 4 * * *", by=ines)
    Command.objects.all().delete()
    return made


def page(application: Application) -> str:
    return reverse("processes:list", args=[application.pk])


def sent() -> list[dict[str, Any]]:
    found = Command.objects.filter(action="schedules").order_by("created_at")
    return [command.arguments for command in found]


def test_a_schedule_is_added_and_its_machine_told(visitor: Client, bakery: Application) -> None:
    assert visitor.post(page(bakery), GIVEN).status_code == 302
    schedule = Schedule.objects.get()
    assert (schedule.words, schedule.cron) == (["clearsessions"], "*/5 * * * *")
    [arguments] = sent()
    assert arguments["schedules_revision"] == 1
    [[identity, calendar, words]] = arguments["schedules"]
    assert (identity, words) == (str(schedule.pk), ["clearsessions"])
    assert calendar == "*-*-* *:00,05,10,15,20,25,30,35,40,45,50,55:00 UTC"
    shown = visitor.get(page(bakery)).content.decode()
    assert "manage.py clearsessions" in shown
    assert "No run is known yet" in shown


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"cron": "0 0 1 * mon"}, "cron runs it on either"),
        ({"cron": "never"}, "A schedule has five"),
        ({"words": "dbshell"}, "waits for somebody at a keyboard"),
        ({"words": "x " * SCHEDULED_LENGTH}, "at most 300"),
    ],
)
def test_a_mistake_stands_beside_the_field(
    visitor: Client, bakery: Application, given: dict[str, str], why: str
) -> None:
    answered = visitor.post(page(bakery), GIVEN | given)
    assert answered.status_code == 422
    assert why in answered.content.decode()
    assert not Schedule.objects.exists()


def test_it_is_changed_switched_off_and_removed(visitor: Client, schedule: Schedule) -> None:
    change = reverse("schedules:change", args=[schedule.pk])
    assert "shell -c &#x27;print(&#x27;" in visitor.get(change).content.decode()
    visitor.post(change, {"cron": "1 2 * * *", "words": "check --deploy"})
    assert sent()[-1]["schedules"] == [[str(schedule.pk), "*-*-* 02:01:00 UTC", ["check", "--deploy"]]]
    visitor.post(reverse("schedules:switch", args=[schedule.pk]))
    assert sent()[-1] == {"schedules": [], "schedules_revision": 3}
    assert "switched off" in visitor.get(page(schedule.application)).content.decode()
    refused = visitor.post(reverse("schedules:run", args=[schedule.pk]), follow=True)
    assert "Switch it on first" in refused.content.decode()
    visitor.post(reverse("schedules:remove", args=[schedule.pk]))
    assert sent()[-1] == {"schedules": [], "schedules_revision": 4}
    assert not Schedule.objects.exists()


def test_it_is_run_now_with_its_output(visitor: Client, schedule: Schedule) -> None:
    shown = visitor.post(reverse("schedules:run", args=[schedule.pk]), follow=True).content.decode()
    assert "as scheduled" in shown
    command = Command.objects.get()
    assert (command.action, command.arguments["schedule"]) == ("schedule", str(schedule.pk))


def test_a_machine_that_does_not_run_gets_them_with_its_next_deployment(
    visitor: Client, bakery: Application
) -> None:
    Instance.objects.update(state="stopped")
    visitor.post(page(bakery), GIVEN)
    assert sent() == []
    deployment = Deployment.objects.get()
    deployment.facts = {"project_directory": "shop", "settings_module": "shop.settings"}
    parameters = parameters_of(deployment)
    assert parameters.schedules_revision == 1
    assert [each[2] for each in parameters.schedules] == [["clearsessions"]]


def test_a_list_that_did_not_arrive_is_sent_again(schedule: Schedule, ines: User) -> None:
    told(schedule.application, answer())
    actions.ask_processes(schedule.application, by=ines)
    [again] = sent()
    assert again["schedules_revision"] == 1


def test_the_last_runs_are_shown(visitor: Client, schedule: Schedule) -> None:
    text = answer().replace("00000000-0000-0000-0000-000000000001", str(schedule.pk))
    told(schedule.application, text.replace('"exit": 0', '"exit": 7'))
    assert "exit code 7 after 0.5 s" in visitor.get(page(schedule.application)).content.decode()


def test_there_are_twenty_at_most(visitor: Client, bakery: Application) -> None:
    for _ in range(actions.SCHEDULES):
        visitor.post(page(bakery), GIVEN)
    answered = visitor.post(page(bakery), GIVEN)
    assert answered.status_code == 422
    assert "There are 20 schedules" in answered.content.decode()


@pytest.mark.parametrize("name", ["change", "switch", "remove", "run"])
def test_nobody_elses_schedules(client: Client, schedule: Schedule, name: str) -> None:
    client.force_login(records.make_person("rui"))
    assert client.post(reverse(f"schedules:{name}", args=[schedule.pk]), GIVEN).status_code == 404
    assert not Command.objects.exists()


def test_hostile_words_are_words_and_hostile_times_none(visitor: Client, bakery: Application) -> None:
    for text in CORPUS["everywhere"]:
        post_form(visitor, page(bakery), {"cron": "0 4 * * *", "words": f"check {text}"})
        post_form(visitor, page(bakery), {"cron": text, "words": "check"})
        for schedule in Schedule.objects.all():
            assert are_schedules([schedule.told])
            assert schedule.words[0] == "check"
            foreign, _ = read_page(visitor.get(page(bakery)).content.decode())
            assert foreign == []
        Command.objects.update(state=CommandState.CANCELLED)
        Schedule.objects.all().delete()
