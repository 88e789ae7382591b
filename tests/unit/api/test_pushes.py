"""Webhooks and deliveries through the API."""

from typing import Any

import pytest
from django.test import Client
from ecdeployer.accounts.models import User
from ecdeployer.api.models import KeptAnswer
from ecdeployer.applications.models import Application, Event
from ecdeployer.webhooks.models import Delivery, Webhook
from pytest_django import DjangoAssertNumQueries, Settings

from tests.portal_records import make_delivery, make_live


@pytest.fixture
def application(ines: User) -> Application:
    return make_live(ines, branch="main").application


@pytest.fixture
def root(application: Application) -> str:
    return f"/api/v1/applications/{application.pk}"


def test_the_webhook_without_its_secret(program: Client, root: str, settings: Settings) -> None:
    answer = program.get(f"{root}/webhook")
    shown = answer.json()
    assert shown["url"].startswith(f"{settings.PORTAL_URL}/hooks/")
    assert (shown["deploy_on_push"], shown["refused"], shown["head"]) == (True, 0, "")
    assert Webhook.objects.get().secret not in answer.content.decode()


def test_a_new_secret_is_told_once_and_kept_nowhere(program: Client, root: str) -> None:
    old = Webhook.objects.get().secret
    told = program.put(f"{root}/webhook/secret", headers={"Idempotency-Key": "once"}).json()["secret"]
    assert told == Webhook.objects.get().secret != old
    assert not KeptAnswer.objects.exists()
    assert Event.objects.filter(verb="webhook secret replaced", through="api").count() == 1


def test_switching(program: Client, root: str, application: Application) -> None:
    answer = program.patch(f"{root}/webhook", {"deploy_on_push": False}, content_type="application/json")
    assert answer.json()["deploy_on_push"] is False
    application.refresh_from_db()
    assert not application.deploy_on_push


@pytest.mark.parametrize("body", [{"deploy_on_push": None}, {"deploy_on_push": "perhaps"}, {"on": True}])
def test_what_is_no_switch(program: Client, root: str, body: dict[str, Any]) -> None:
    answer = program.patch(f"{root}/webhook", body, content_type="application/json")
    assert answer.status_code == 422


def test_deliveries_page_by_page(
    program: Client, root: str, application: Application, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    deployment = application.deployments.get()
    made = [make_delivery(application, outcome="deployed", deployment=deployment).pk for _ in range(5)]
    program.get(f"{root}/deliveries")
    with django_assert_num_queries(6):
        first = program.get(f"{root}/deliveries?limit=3").json()
    assert [each["id"] for each in first["deliveries"]] == made[:1:-1]
    assert first["deliveries"][0]["deployment_id"] == str(deployment.pk)
    second = program.get(f"{root}/deliveries", {"limit": 3, "cursor": first["next"]}).json()
    assert ([each["id"] for each in second["deliveries"]], second["next"]) == (made[1::-1], None)


def test_delivering_again_once_for_a_key(program: Client, root: str, application: Application) -> None:
    delivery = make_delivery(application, outcome="ignored")
    path = f"{root}/deliveries/{delivery.pk}/redeliver"
    answers = [program.post(path, headers={"Idempotency-Key": "once"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    assert Delivery.objects.filter(outcome="waiting").count() == 1
    refused = program.post(f"{root}/deliveries/{answers[0].json()['id']}/redeliver")
    assert (refused.status_code, refused.json()["title"]) == (409, "It cannot be done now")


def test_somebody_elses(stranger: Client, root: str, application: Application) -> None:
    delivery = make_delivery(application, outcome="ignored")
    assert stranger.get(f"{root}/webhook").status_code == 404
    assert stranger.put(f"{root}/webhook/secret").status_code == 404
    assert stranger.get(f"{root}/deliveries").status_code == 404
    assert stranger.post(f"{root}/deliveries/{delivery.pk}/redeliver").status_code == 404
