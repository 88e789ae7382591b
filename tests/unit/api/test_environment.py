"""An application's environment variables through the API."""

import json
from typing import Any

import pytest
from django.test import Client
from ecdeployer.accounts.models import ApiToken, User
from ecdeployer.api.models import KeptAnswer
from ecdeployer.applications.models import Application, Event
from ecdeployer.deployments.models import Deployment
from pytest_django import DjangoAssertNumQueries

from tests import portal_records as records

SECRET = "sk_live_1"


@pytest.fixture
def application(ines: User) -> Application:
    return records.make_live(ines).application


def address(application: Application) -> str:
    return f"/api/v1/applications/{application.pk}/environment"


def change(program: Client, application: Application, *, key: str = "", **body: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return program.patch(address(application), body, content_type="application/json", headers=headers)


def test_values_that_are_not_secret_are_shown(program: Client, application: Application) -> None:
    answer = change(program, application, set={"MODE": "quiet", "TOKEN": "canary"}, plain=["MODE"])
    assert answer.status_code == 200
    assert "canary" not in answer.content.decode()
    shown = {each["name"]: each for each in answer.json()["variables"]}
    assert {name: (each["secret"], each["value"]) for name, each in shown.items()} == {
        "MODE": (False, "quiet"),
        "STRIPE_KEY": (True, None),
        "TOKEN": (True, None),
    }
    assert (shown["MODE"]["changed_by"], shown["STRIPE_KEY"]["changed_by"]) == ("ines", None)
    assert answer.json()["deployment_id"] is None
    assert program.get(address(application)).json() == answer.json()
    assert program.get(address(application).removesuffix("/environment")).json()["environment"] == list(shown)


def test_removing_marking_and_uncovering(program: Client, application: Application) -> None:
    change(program, application, set={"A": "1", "B": "2"}, plain=["A", "B"])
    answer = change(
        program, application, remove=["B"], secret=["A"], set={"STRIPE_KEY": "pk_1"}, plain=["STRIPE_KEY"]
    )
    assert [(each["name"], each["value"]) for each in answer.json()["variables"]] == [
        ("A", None),
        ("STRIPE_KEY", "pk_1"),
    ]
    detail = Event.objects.filter(verb="environment changed").latest("pk").detail
    assert detail == "B, STRIPE_KEY; secret from now on: A; shown from now on: STRIPE_KEY"


def test_applying_queues_the_live_commit(program: Client, application: Application) -> None:
    answer = change(program, application, set={"A": "1"}, apply=True)
    deployment = application.deployments.get(number=2)
    assert answer.json()["deployment_id"] == str(deployment.pk)
    assert (deployment.trigger, deployment.of_live) == ("api", True)


def test_what_cannot_be_applied_is_not_saved_either(program: Client, application: Application) -> None:
    application.instances.update(state="stopped")
    answer = change(program, application, set={"A": "1"}, apply=True)
    assert answer.status_code == 409
    assert "stopped" in answer.json()["detail"]
    assert application.environment.get().name == "STRIPE_KEY"


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({"set": {"PATH": "/tmp"}}, "set", "PATH is reserved"),
        ({"set": {"A": 1}}, "set", "A: "),
        ({"set": {"A": "x" * 40_000}}, "set", "is the most that can be kept"),
        ({"set": {"A": "\ud800"}}, "set", "no environment can hold"),
        ({"remove": ["NEVER"]}, "remove", "There is no variable 'NEVER'."),
        ({"secret": ["NEVER"]}, "secret", "There is no variable 'NEVER'."),
        ({"plain": ["NEVER\x1b"]}, "plain", "There is no variable 'NEVER\\x1b'."),
        ({"plain": ["STRIPE_KEY"]}, "plain", "'STRIPE_KEY': the value of a secret is not shown again."),
        ({"set": {"A": "1"}, "remove": ["STRIPE_KEY"], "secret": ["STRIPE_KEY"]}, "remove", "another field"),
        ({"set": {"A": "1"}, "secret": ["A"], "plain": ["A"]}, "plain", "another field"),
        ({"value": "x"}, "value", "There is no such field."),
        ({"apply": "perhaps"}, "apply", "boolean"),
    ],
    ids=lambda each: str(each)[:40],
)
def test_what_is_wrong_is_named_by_its_field(
    program: Client, application: Application, body: dict[str, Any], field: str, message: str
) -> None:
    answer = program.patch(address(application), json.dumps(body), content_type="application/json")
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [field]
    assert message in answer.json()["errors"][field][0]
    assert list(application.environment.values_list("name", "secret")) == [("STRIPE_KEY", True)]
    assert not Event.objects.filter(verb="environment changed").exists()


def test_a_change_that_is_sent_again_happens_once(program: Client, application: Application) -> None:
    first = change(program, application, key="k1", set={"A": "canary-value"}, apply=True)
    again = change(program, application, key="k1", set={"A": "canary-value"}, apply=True)
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert Deployment.objects.count() == 2
    assert "canary-value" not in str(list(KeptAnswer.objects.values()))


def test_another_persons_environment_is_not_there(
    program: Client, stranger: Client, application: Application
) -> None:
    assert stranger.get(address(application)).status_code == 404
    assert change(stranger, application, set={"A": "1"}).status_code == 404
    assert application.environment.get().value == SECRET


@pytest.mark.parametrize("count", [1, 20])
def test_the_number_of_queries_does_not_grow(
    program: Client,
    application: Application,
    django_assert_num_queries: DjangoAssertNumQueries,
    count: int,
) -> None:
    change(program, application, set={f"NAME_{number}": "x" for number in range(count)})
    assert ApiToken.objects.get().last_used_at
    with django_assert_num_queries(3):
        program.get(address(application))
