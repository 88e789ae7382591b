"""Editing an application: only what a person changed is written, and nothing of somebody else's unseen."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application, DeployKey, Event
from ecdeployer.webhooks.models import Webhook
from pytest_django import DjangoAssertNumQueries, Settings

from tests.portal_records import make_live, make_person, make_running, make_terminated
from tests.programs import client_of

TYPED = ("name", "description", "github_url", "branch", "health_path")


@pytest.fixture
def application(ines: User) -> Application:
    return make_live(ines, branch="main", description="Bread.\nAnd more.").application


def address(application: Application) -> str:
    return reverse("applications:general", args=[application.pk])


def opened(visitor: Client, application: Application) -> dict[str, str]:
    """What a browser would post back if nobody touched a thing."""
    form = visitor.get(address(application)).context["form"]
    fields = {name: str(form[name].value()) for name in TYPED} | dict(form.shown)
    return {name: value.replace("\n", "\r\n") for name, value in fields.items()}


def row(application: Application) -> Application:
    return Application.objects.get(pk=application.pk)


def test_what_nobody_touched_is_not_written(visitor: Client, application: Application) -> None:
    answer = visitor.post(address(application), opened(visitor, application))
    assert answer.status_code == 302
    assert not Event.objects.filter(verb="edited").exists()
    assert row(application).description == "Bread.\nAnd more."


def test_a_change_is_written_named_and_said_to_go_live_later(
    visitor: Client, application: Application
) -> None:
    fields = opened(visitor, application) | {"branch": "develop", "description": "New", "health_path": "/up/"}
    answer: Any = visitor.post(address(application), {**fields, "confirm_migrations": "on"}, follow=True)
    after = row(application)
    assert (after.branch, after.description, after.health_path) == ("develop", "New", "/up/")
    assert after.confirm_migrations
    detail = Event.objects.get(verb="edited").detail
    assert detail == (
        "description; branch: main -> develop; health_path: / -> /up/; confirm_migrations: off -> on"
    )
    page = answer.content.decode()
    assert "The next deployment brings it." in page
    assert "the next deployment comes from develop" in page


def test_the_box_that_is_not_ticked_any_more_is_off(visitor: Client, application: Application) -> None:
    Application.objects.update(confirm_migrations=True)
    fields = opened(visitor, application)
    assert fields["seen-confirm_migrations"] == "on"
    assert visitor.post(address(application), fields).status_code == 302
    assert not row(application).confirm_migrations


def test_two_people_who_change_different_fields_both_keep_theirs(
    visitor: Client, application: Application
) -> None:
    fields = opened(visitor, application)
    Application.objects.filter(pk=application.pk).update(branch="theirs")
    assert visitor.post(address(application), fields | {"health_path": "/mine/"}).status_code == 302
    assert (row(application).branch, row(application).health_path) == ("theirs", "/mine/")


def test_a_field_that_somebody_else_changed_is_not_overwritten_unseen(
    visitor: Client, application: Application
) -> None:
    fields = opened(visitor, application) | {"branch": "mine"}
    Application.objects.filter(pk=application.pk).update(branch="theirs")
    answer: Any = visitor.post(address(application), fields)
    assert answer.status_code == 422
    assert "'theirs'" in answer.context["form"].errors["branch"][0]
    assert row(application).branch == "theirs"
    # The page that came back has shown it: saving again is a choice.
    again = fields | dict(answer.context["form"].shown)
    assert visitor.post(address(application), again).status_code == 302
    assert row(application).branch == "mine"


def test_rules_are_those_of_a_new_application(
    visitor: Client, ines: User, application: Application, settings: Settings
) -> None:
    make_live(ines, "taken")
    settings.GIT_HOSTS = ("github.com",)
    wrong = {
        "name": "taken",
        "github_url": "https://example.org/o/r",
        "branch": "main;id",
        "health_path": "up",
        "description": "\u202e",
    }
    answer: Any = visitor.post(address(application), opened(visitor, application) | wrong)
    assert answer.status_code == 422
    assert set(answer.context["form"].errors) == set(wrong)
    answer = visitor.post(address(application), opened(visitor, application) | {"name": ""})
    assert set(answer.context["form"].errors) == {"name"}
    assert row(application).name == application.name


def test_another_repository_is_looked_at_anew(visitor: Client, ines: User, application: Application) -> None:
    Webhook.objects.update(head="a" * 40, repository_id="7", failures=3, trouble="It is gone.")
    DeployKey.objects.create(application=application, public="ssh-ed25519 AAAA", made_by=ines)
    url = "https://github.com/example/other/tree/next"
    fields = opened(visitor, application) | {"github_url": url}
    answer = visitor.post(address(application), fields, follow=True)
    after, webhook = row(application), Webhook.objects.get(pk=application.pk)
    assert (after.github_url, after.branch) == ("https://github.com/example/other", "next")
    assert (webhook.head, webhook.repository_id, webhook.failures, webhook.trouble) == ("", "", 0, "")
    assert DeployKey.objects.filter(application=application).exists()
    assert "The deploy key stays" in answer.content.decode()


def test_a_branch_in_the_url_and_another_one_that_was_typed_is_a_question(
    visitor: Client, application: Application
) -> None:
    url = "https://github.com/example/bakery/tree/next"
    fields = opened(visitor, application) | {"github_url": url, "branch": "other"}
    answer: Any = visitor.post(address(application), fields)
    assert "names the branch next" in answer.context["form"].errors["branch"][0]


def test_what_a_deployment_reads_waits_for_its_end(visitor: Client, ines: User) -> None:
    application = make_running(ines).application
    fields = opened(visitor, application)
    answer = visitor.post(address(application), fields | {"health_path": "/up/"})
    assert answer.status_code == 422
    assert "Deployment 1 is not finished and reads the health path" in answer.content.decode()
    assert visitor.post(address(application), fields | {"branch": "later"}).status_code == 302


def test_a_terminated_application_stays_as_it_was(visitor: Client, ines: User) -> None:
    application = make_terminated(ines).application
    assert "nothing of it changes" in visitor.get(address(application)).content.decode()
    form = {"name": "renamed", "github_url": application.github_url}
    assert visitor.post(address(application), form).status_code == 422
    assert row(application).name == application.name


def test_somebody_elses_is_not_found(client: Client, application: Application) -> None:
    client.force_login(make_person("rui"))
    assert client.get(address(application)).status_code == 404
    assert client.post(address(application), {"name": "x"}).status_code == 404


def test_the_page_takes_a_fixed_number_of_queries(
    visitor: Client, application: Application, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(6):
        assert visitor.get(address(application)).status_code == 200


def patch(program: Client, application: Application, **body: Any) -> Any:
    path = f"/api/v1/applications/{application.pk}"
    return program.patch(path, json.dumps(body), content_type="application/json")


@pytest.fixture
def program(ines: User) -> Client:
    return client_of(ines)


def test_a_program_changes_what_it_names_alone(program: Client, application: Application) -> None:
    answer = patch(program, application, branch="develop", confirm_migrations=True)
    assert answer.status_code == 200
    assert (answer.json()["branch"], answer.json()["confirm_migrations"]) == ("develop", True)
    after = row(application)
    assert (after.branch, after.description, after.name) == ("develop", "Bread.\nAnd more.", "bakery")
    assert patch(program, application).json()["branch"] == "develop"
    assert Event.objects.filter(verb="edited").count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"branch": "a b"}, "branch"),
        ({"github_url": ""}, "github_url"),
        ({"branch": None}, "branch"),
        ({"project_name": "other"}, "project_name"),
    ],
)
def test_a_program_is_told_what_is_wrong(
    program: Client, application: Application, body: dict[str, Any], field: str
) -> None:
    answer = patch(program, application, **body)
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [field]


def test_a_program_waits_for_a_deployment_too(program: Client, ines: User) -> None:
    application = make_running(ines).application
    assert patch(program, application, github_url="https://github.com/o/r").status_code == 409
