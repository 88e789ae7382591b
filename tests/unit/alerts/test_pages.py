import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from ecdeployer.accounts.models import User
from ecdeployer.alerts.models import AlertSettings, Notification
from ecdeployer.applications.models import Application, Event
from ecdeployer.outbound import Answer, UnansweredError
from pytest_django import Settings

from tests.portal_records import make_person

from .conftest import HOOK, TOKEN, Internet

pytestmark = pytest.mark.django_db
CHOSEN = {"down": "on", "disk_percent": "80", "errors_percent": "", "deployments": "all", "email": "on"}


@pytest.fixture
def page(client: Client, person: User, application: Application) -> str:
    client.force_login(person)
    return reverse("alerts:show", args=[application.pk])


def test_what_is_chosen_is_kept_and_secrets_never_come_back(client: Client, page: str) -> None:
    assert client.post(page, CHOSEN | {"webhook_url": HOOK}).status_code == 302
    rules = AlertSettings.objects.get()
    assert (rules.disk_percent, rules.errors_percent, rules.deployments, rules.webhook_url) == (
        80,
        None,
        "all",
        HOOK,
    )
    assert "very-secret" not in client.get(page).content.decode()
    event = Event.objects.get(verb="alerts changed")
    assert event.detail == "disk_percent, errors_percent, deployments, webhook"
    with_secret = str(
        list(AlertSettings.objects.raw("select application_id, webhook_url w from alerts_alertsettings"))
    )
    assert "very-secret" not in with_secret


def test_left_empty_the_webhook_stays_until_it_is_removed(
    client: Client, page: str, rules: AlertSettings
) -> None:
    client.post(page, CHOSEN)
    assert AlertSettings.objects.get().webhook_url == HOOK
    client.post(page, CHOSEN | {"remove_webhook": "on"})
    assert AlertSettings.objects.get().webhook_url is None


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/x", "https://user:pw@hooks.example.com/", "https://hooks.example.com:8443/",
        "ftp://x", "x", "https://", "https://a b/", "https://x\n.org/", "file:///etc/passwd", "https://[::1",
    ],
)  # fmt: skip
def test_an_address_that_may_not_be_posted_to_is_refused_beside_its_field(
    client: Client, page: str, url: str
) -> None:
    answer = client.post(page, CHOSEN | {"webhook_url": url})
    assert answer.status_code == 422
    assert answer.context["form"].errors["webhook_url"]
    assert not AlertSettings.objects.exists()


@pytest.mark.parametrize("channel", ["webhook", "email"])
def test_a_test_says_what_came_back(
    client: Client, page: str, rules: AlertSettings, internet: Internet, channel: str
) -> None:
    test = reverse("alerts:test", args=[rules.pk, channel])
    internet.answers = [Answer(404, "no_service")]
    text = client.post(test, follow=True).content.decode()
    if channel == "webhook":
        assert "It was not sent. It answered 404: no_service" in text
    else:
        assert "It was sent. The mail server took it for ines@example.com." in text
        assert len(mail.outbox) == 1
    assert not Notification.objects.exists()


def test_tests_are_not_pressed_again_at_once(
    client: Client, page: str, rules: AlertSettings, internet: Internet
) -> None:
    test = reverse("alerts:test", args=[rules.pk, "webhook"])
    internet.answers = [UnansweredError("hooks.example.com does not answer: timed out.")]
    assert "does not answer" in client.post(test, follow=True).content.decode()
    assert "Wait for ten of them" in client.post(test, follow=True).content.decode()
    assert len(internet.posted) == 1


def test_there_is_no_mail_without_a_server(
    client: Client, page: str, rules: AlertSettings, settings: Settings
) -> None:
    settings.SENDS_EMAIL = False
    text = client.post(reverse("alerts:test", args=[rules.pk, "email"]), follow=True).content.decode()
    assert "no mail server" in text
    assert client.post(reverse("alerts:test", args=[rules.pk, "status"])).status_code == 404


def test_a_token_is_set_and_removed_and_never_shown(
    client: Client, page: str, application: Application
) -> None:
    place = reverse("alerts:token", args=[application.pk])
    assert client.post(place, {"status_token": "short"}).status_code == 422
    assert client.post(place, {"status_token": TOKEN}).status_code == 302
    assert AlertSettings.objects.get().status_token == TOKEN
    assert TOKEN not in client.get(page).content.decode()
    client.post(place, {"remove": "yes"})
    assert AlertSettings.objects.get().status_token is None


def test_a_token_is_for_repositories_of_github_alone(
    client: Client, page: str, application: Application
) -> None:
    Application.objects.update(github_url="https://gitlab.com/a/b")
    answer = client.post(reverse("alerts:token", args=[application.pk]), {"status_token": TOKEN})
    assert answer.status_code == 422
    assert not AlertSettings.objects.filter(status_token__isnull=False).exists()


def test_what_was_sent_stands_there_with_its_reason(
    client: Client, page: str, application: Application
) -> None:
    Notification.objects.create(
        application=application, channel="webhook", key="k", subject="It failed", state="failed",
        reason="It answered 404: no_service", deadline=timezone.now(),
    )  # fmt: skip
    text = client.get(page).content.decode()
    assert "It answered 404: no_service" in text


def test_another_person_sees_and_changes_nothing(client: Client, page: str, application: Application) -> None:
    client.force_login(make_person("rui"))
    for path in (
        page,
        reverse("alerts:token", args=[application.pk]),
        reverse("alerts:test", args=[application.pk, "email"]),
    ):
        assert client.post(path, CHOSEN).status_code == 404
