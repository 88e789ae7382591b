"""Sites that answer, and not; with the answers given."""

from datetime import timedelta
from email.message import Message

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from ecdeployer.accounts.models import User
from ecdeployer.alerts.models import Alert, Notification
from ecdeployer.applications.models import Application
from ecdeployer.deployments import health
from ecdeployer.figures import looking
from ecdeployer.figures.looking import Look
from ecdeployer.figures.models import Outage, Uptime, Watch
from ecdeployer.instances.models import Instance
from ecdeployer.instances.states import InstanceState
from pytest_django import Settings

from tests.portal_records import follow, make_failed, make_live

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def mail_server(settings: Settings) -> None:
    settings.SENDS_EMAIL = True


def looks(application: Application, *reasons: str) -> None:
    """A minute apart, the last of them now."""
    for number, reason in enumerate(reasons):
        now = timezone.now() - timedelta(minutes=len(reasons) - 1 - number)
        looking.write([Look(application_id=application.pk, reason=reason)], now=now)


@pytest.fixture
def watched(application: Application) -> Application:
    looking.take_due(timezone.now())
    return application


def test_sites_that_are_live_are_due_once_a_minute(application: Application, person: User) -> None:
    make_failed(person, name="other")
    now = timezone.now()
    assert looking.take_due(now + timedelta(seconds=1)) == [application.pk]
    assert looking.take_due(now + timedelta(seconds=30)) == []
    assert looking.take_due(now + timedelta(seconds=62)) == [application.pk]


def test_a_site_is_asked_on_the_machine_of_its_live_release(application: Application) -> None:
    [site] = looking.sites([application.pk])
    assert (site.address, site.path) == (application.instances.get().public_ip, "/")
    Instance.objects.update(state=InstanceState.STOPPED)
    assert looking.sites([application.pk]) == []


@pytest.mark.parametrize(
    ("status", "headers", "reason"),
    [
        (200, {}, ""), (302, {}, ""), (404, {}, ""), (429, {}, ""),
        (500, {}, "GET /x answers 500."), (502, {}, "GET /x answers 502."),
        (503, {"x-ecdeployer-maintenance": "1"}, ""),
    ],
)  # fmt: skip
def test_what_an_answer_means(
    application: Application,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    headers: dict[str, str],
    reason: str,
) -> None:
    message = Message()
    for name, value in headers.items():
        message[name] = value
    monkeypatch.setattr(health, "visit", lambda *_, **__: (status, message))
    site = looking.Site(application_id=application.pk, address="203.0.113.1", path="/x")
    assert looking.look(site).reason == reason


def test_no_answer_is_a_failure(application: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise health.UnreachableError("http://203.0.113.1/ does not answer: timed out.")

    monkeypatch.setattr(health, "visit", fail)
    site = looking.Site(application_id=application.pk, address="203.0.113.1", path="/")
    assert "timed out" in looking.look(site).reason


def test_one_failure_is_no_outage_and_two_are_one(watched: Application) -> None:
    looks(watched, "", "GET / answers 502.", "")
    assert not Outage.objects.exists()
    looks(watched, "GET / answers 502.", "GET / answers 502.", "GET / answers 502.")
    outage = Outage.objects.get()
    assert (outage.until, outage.reason) == (None, "GET / answers 502.")
    assert timedelta(minutes=1.9) < timezone.now() - outage.since < timedelta(minutes=2.1)
    assert Notification.objects.get().subject == "The site is down: bakery"
    looks(watched, "")
    assert Outage.objects.get().until is not None
    assert Notification.objects.count() == 2


def test_every_look_is_counted_in_its_hour(watched: Application) -> None:
    now = timezone.now().replace(minute=30)
    for minutes, reason in ((0, ""), (1, "x"), (60, ""), (61, "")):
        looking.write([Look(application_id=watched.pk, reason=reason)], now=now + timedelta(minutes=minutes))
    assert list(Uptime.objects.order_by("hour").values_list("checks", "failed")) == [(2, 1), (2, 0)]


def test_a_site_that_is_not_to_serve_any_more_has_no_outage(watched: Application) -> None:
    looks(watched, "x", "x")
    Instance.objects.update(state=InstanceState.TERMINATED)
    follow(watched)
    assert not watched.serves
    looking.take_due(timezone.now())
    assert Outage.objects.get().until is not None
    assert Alert.objects.get().until is not None
    assert not Watch.objects.exists()


def test_a_machine_that_is_stopped_on_purpose_has_no_outage(watched: Application) -> None:
    looks(watched, "x", "x")
    looking.take_due(timezone.now())
    assert Outage.objects.get().until is None
    Instance.objects.update(state=InstanceState.STOPPED)
    looking.take_due(timezone.now())
    assert Outage.objects.get().until is not None
    assert Alert.objects.get().until is not None


def test_many_sites_that_are_well_cost_a_fixed_number_of_queries(person: User) -> None:
    counted = []
    applications = []
    for number in range(30):
        applications.append(make_live(person, name=f"site-{number}").application)
        if number in (2, 29):
            looking.take_due(timezone.now())
            with CaptureQueriesContext(connection) as queries:
                looking.write([Look(application_id=each.pk) for each in applications], now=timezone.now())
            counted.append(len([q for q in queries if "SAVEPOINT" not in q["sql"]]))
    assert counted[0] == counted[1] <= 5
