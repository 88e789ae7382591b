"""Who did what, from where and through what."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from ecdeployer.accounts import tokens
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application, Event
from pytest_django import Settings

pytestmark = pytest.mark.django_db
PASSWORD = "a-long-password-of-ines"
FORM = {"project_name": "shop", "github_url": "https://github.com/o/r", "health_path": "/"}


@pytest.fixture
def ines() -> User:
    return User.objects.create_user("ines", "ines@example.com", PASSWORD)


def told(verb: str) -> dict[str, Any]:
    return dict(Event.objects.values("actor_name", "through", "address", "detail").get(verb=verb))


def test_signing_in_and_out_is_recorded(client: Client, ines: User) -> None:
    for password in ("wrong-" + PASSWORD, PASSWORD):
        client.post(
            reverse("account_login"), {"login": "ines", "password": password}, REMOTE_ADDR="192.0.2.7"
        )
    client.post(reverse("account_logout"), REMOTE_ADDR="192.0.2.7")
    here = {"through": "page", "address": "192.0.2.7"}
    assert told("sign-in failed") == {"actor_name": "", "detail": "ines", **here}
    assert told("signed in") == {"actor_name": "ines", "detail": "", **here}
    assert told("signed out") == {"actor_name": "ines", "detail": "", **here}
    assert not Event.objects.filter(detail__contains=PASSWORD).exists()


def test_a_forged_header_is_not_believed(client: Client, ines: User, settings: Settings) -> None:
    login = {"login": "ines", "password": PASSWORD}
    client.post(reverse("account_login"), login, REMOTE_ADDR="192.0.2.7", HTTP_X_FORWARDED_FOR="1.2.3.4")
    assert told("signed in")["address"] == "192.0.2.7"
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    Event.objects.all().delete()
    forwarded = "6.6.6.6, 198.51.100.9"
    Client().post(reverse("account_login"), login, HTTP_X_FORWARDED_FOR=forwarded)
    assert told("signed in")["address"] == "198.51.100.9"
    Event.objects.all().delete()
    Client().post(reverse("account_login"), login, HTTP_X_FORWARDED_FOR="<script>")
    assert not Event.objects.exclude(address=None).exists()


@pytest.mark.parametrize("through", ["page", "api", "command"])
def test_what_changes_an_application_says_through_what(client: Client, ines: User, through: str) -> None:
    if through == "page":
        client.force_login(ines)
        client.post(reverse("applications:new"), {**FORM, "name": "one", "instance_type": "t3.micro"})
    elif through == "api":
        _, secret = tokens.create(ines, name="ci", days=1)
        answer = client.post(
            "/api/v1/applications", {"project_name": "shop", "github_url": "https://github.com/o/r"},
            content_type="application/json", headers={"authorization": f"Bearer {secret}"},
        )  # fmt: skip
        assert answer.status_code == 201, answer.content
        assert told("API token made")["detail"].startswith("ci (ecd_")
    else:
        url = "--github-url=https://github.com/o/r"
        call_command("create_application", "--owner=ines", "--project-name=shop", url, stdout=StringIO())
    event = told("created")
    assert event["through"] == through
    assert event["address"] == (None if through == "command" else "127.0.0.1")
    assert event["actor_name"] == ("" if through == "command" else "ines")


def test_the_portals_own_moves_are_the_systems(ines: User) -> None:
    application = Application.objects.create(owner=ines, name="one", project_name="x", github_url="https://x")
    event = Event.objects.create(application=application, subject="instance", verb="a -> b")
    assert (event.through, event.address, event.actor_name) == ("system", None, "")


def test_a_name_outlives_its_person() -> None:
    person = User.objects.create_user("gone")
    Event.objects.create(actor=person, subject="account", verb="signed in")
    person.delete()
    assert Event.objects.get().actor_name == "gone"
    assert Event.objects.get().actor is None


def test_operators_read_it_and_change_nothing(client: Client, ines: User) -> None:
    client.force_login(User.objects.create_superuser("operator"))
    event = Event.objects.create(actor=ines, subject="account", verb="signed in")
    listed = client.get(reverse("admin:applications_event_changelist"), {"q": "ines"})
    assert "signed in" in listed.content.decode()
    address = reverse("admin:applications_event_delete", args=[event.pk])
    assert client.post(address, {"post": "yes"}).status_code == 403
    assert Event.objects.filter(pk=event.pk).exists()


def test_old_events_go_by_command_alone(ines: User) -> None:
    old = Event.objects.create(actor=ines, subject="account", verb="old")
    Event.objects.create(actor=ines, subject="account", verb="new")
    Event.objects.filter(pk=old.pk).update(at=timezone.now() - timedelta(days=91))
    call_command("prune_audit", "--older-than=90", stdout=StringIO())
    assert list(Event.objects.values_list("verb", flat=True)) == ["new"]
