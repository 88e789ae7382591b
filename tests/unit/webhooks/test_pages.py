from typing import Any

import pytest
from django.test import Client
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application, Event
from ecdeployer.webhooks.models import Delivery, Webhook
from pytest_django import DjangoAssertNumQueries, Settings

from tests.portal_records import make_delivery, make_person

from .conftest import COMMIT, deliver, github_push


@pytest.fixture
def visitor(client: Client, ines: User) -> Client:
    client.force_login(ines)
    return client


@pytest.fixture
def page(webhook: Webhook) -> str:
    return f"/applications/{webhook.pk}/push/"


def test_the_owner_sees_address_secret_and_steps(
    visitor: Client, webhook: Webhook, page: str, settings: Settings
) -> None:
    answer = visitor.get(page)
    shown = answer.content.decode()
    assert f"{settings.PORTAL_URL}/hooks/{webhook.pk}/" in shown
    assert webhook.secret in shown
    for each in ("Payload URL", "Secret token", "X-Signature-256", "None yet."):
        assert each in shown
    assert "no-store" in answer.headers["Cache-Control"]


def test_an_operator_sees_no_secret(client: Client, webhook: Webhook, page: str) -> None:
    client.force_login(make_person("operator", is_staff=True))
    shown = client.get(page).content.decode()
    assert webhook.secret not in shown
    assert "Shown to ines alone." in shown


def test_the_queries_of_the_page_do_not_grow(
    visitor: Client, application: Application, page: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    deployment = application.deployments.get()
    for number in (1, 19):
        for _ in range(number):
            make_delivery(application, outcome="deployed", deployment=deployment)
        with django_assert_num_queries(7):
            assert visitor.get(page).status_code == 200


def test_deliveries_have_pages(visitor: Client, application: Application, page: str) -> None:
    for _ in range(21):
        make_delivery(application, outcome="ignored", reason="It is the branch x, and main is deployed.")
    shown = visitor.get(page).content.decode()
    assert shown.count("and main is deployed") == 20
    assert "Page 1 of 2" in shown
    assert visitor.get(f"{page}?page=2").content.decode().count("and main is deployed") == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"outcome": "waiting"}, "Waiting"),
        ({"outcome": "superseded", "reason": "A newer push came."}, "A newer push came."),
        ({"outcome": "ignored", "reason": "Deploy on push is switched off."}, "switched off"),
        ({"outcome": "refused", "reason": "The instance is stopped."}, "The instance is stopped."),
        ({"outcome": "ignored", "replays": 2}, "Came again 2 times: ignored, a replay."),
        ({"outcome": "waiting", "is_forced": True}, "(forced)"),
    ],
)
def test_each_says_what_became_of_it(
    visitor: Client, application: Application, page: str, fields: dict[str, Any], said: str
) -> None:
    make_delivery(application, **fields)
    shown = visitor.get(page).content.decode()
    assert said in shown
    assert COMMIT[:7] in shown


def test_one_delivery_with_all_that_it_carried(visitor: Client, webhook: Webhook, page: str) -> None:
    deliver(visitor, webhook, github_push(note="<b>bold</b>"))
    delivery = Delivery.objects.get()
    shown = visitor.get(f"{page}deliveries/{delivery.pk}/").content.decode()
    assert "X-GitHub-Event: push" in shown
    assert "&lt;b&gt;bold" in shown
    assert "<b>bold" not in shown
    assert "sha256=" not in shown


@pytest.mark.parametrize("pk", [0, 2**31, 2**63, 10**30])
def test_a_number_of_no_delivery(visitor: Client, page: str, pk: int) -> None:
    assert visitor.get(f"{page}deliveries/{pk}/").status_code == 404
    assert visitor.post(f"{page}deliveries/{pk}/again/").status_code == 404


def test_a_delivery_of_another_application(visitor: Client, application: Application, page: str) -> None:
    other = Application.objects.create(owner=application.owner, name="two", github_url=application.github_url)
    delivery = make_delivery(other)
    assert visitor.get(f"{page}deliveries/{delivery.pk}/").status_code == 404


def test_switching_is_written_down_once(visitor: Client, application: Application, page: str) -> None:
    for state in ("off", "off", "on"):
        answer = visitor.post(f"{page}switch/", {"deploy_on_push": state}, follow=True)
        application.refresh_from_db()
        assert application.deploy_on_push == (state == "on")
        assert answer.status_code == 200
    verbs = Event.objects.filter(verb__contains="switched").order_by("id").values_list("verb", "actor_name")
    assert list(verbs) == [("deploy on push switched off", "ines"), ("deploy on push switched on", "ines")]


def test_a_new_secret_takes_the_place_of_the_old_one(visitor: Client, webhook: Webhook, page: str) -> None:
    old = webhook.secret
    shown = visitor.post(f"{page}secret/", follow=True).content.decode()
    fresh = Webhook.objects.get(pk=webhook.pk)
    assert fresh.secret != old
    assert fresh.secret in shown
    assert deliver(visitor, webhook, github_push()).status_code == 401
    assert deliver(visitor, fresh, github_push()).status_code == 202
    event = Event.objects.get(verb="webhook secret replaced")
    assert (event.actor_name, fresh.secret in event.detail) == ("ines", False)


def test_the_secret_is_encrypted_at_rest(webhook: Webhook) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM webhooks_webhook")
        (kept,) = cursor.fetchone()
    assert webhook.secret not in kept


def test_delivering_again(visitor: Client, application: Application, page: str) -> None:
    first = make_delivery(application, outcome="ignored", reason="Deploy on push is switched off.")
    Application.objects.update(deploy_on_push=False)
    answer = visitor.post(f"{page}deliveries/{first.pk}/again/", follow=True)
    anew = Delivery.objects.first()
    assert anew is not None
    assert (anew.commit, anew.outcome) == (first.commit, "waiting")
    assert anew.asked_by == application.owner
    assert anew.identifier != first.identifier
    assert "Delivered again by ines." in answer.content.decode()
    assert Event.objects.filter(verb="push delivered again", actor_name="ines").count() == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"commit": ""}, "names no commit"),
        ({"outcome": "waiting"}, "names no commit"),
        ({"ref": "refs/heads/feature"}, "is the branch feature"),
        ({"repository": "example/other"}, "is about example/other"),
    ],
)
def test_what_would_not_be_deployed_is_not_delivered_again(
    visitor: Client, application: Application, page: str, fields: dict[str, Any], said: str
) -> None:
    delivery = make_delivery(application, **{"outcome": "ignored", **fields})
    shown = visitor.post(f"{page}deliveries/{delivery.pk}/again/", follow=True).content.decode()
    assert said in shown
    assert Delivery.objects.count() == 1


def test_refused_ones_are_shown(visitor: Client, webhook: Webhook, page: str) -> None:
    deliver(visitor, webhook, github_push(), X_Hub_Signature_256="sha256=0")
    shown = visitor.get(page).content.decode()
    assert "Refused for their signature: 1" in shown
    assert "from 127.0.0.1: It is signed with another secret." in shown
