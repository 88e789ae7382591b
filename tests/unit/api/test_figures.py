"""Figures, outages and alerts through the API."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from ecdeployer.accounts.models import User
from ecdeployer.alerts.models import AlertSettings
from ecdeployer.applications.models import Application, Event
from ecdeployer.figures.models import Outage, Sample, Uptime
from pytest_django import DjangoAssertNumQueries

from tests.portal_records import make_live

HOOK = "https://hooks.example.com/services/very-secret"


@pytest.fixture
def application(ines: User) -> Application:
    return make_live(ines).application


@pytest.fixture
def root(application: Application) -> str:
    return f"/api/v1/applications/{application.pk}"


@pytest.mark.parametrize(("period", "minutes"), [("hour", 1), ("day", 5), ("week", 30)])
def test_figures_come_in_the_steps_of_their_period(
    program: Client, root: str, application: Application, period: str, minutes: int
) -> None:
    at = timezone.now().replace(second=0, microsecond=0) - timedelta(minutes=2)
    Sample.objects.create(
        instance=application.instances.get(), at=at, processor=12.5, memory=40, disk=50,
        requests=60, errors=1, median=20, slow=80,
    )  # fmt: skip
    shown = program.get(f"{root}/figures", {"period": period}).json()
    [sample] = shown["samples"]
    assert (shown["period"], sample["minutes"], sample["requests"]) == (period, minutes, 60)
    assert (sample["processor"], sample["median_ms"], sample["slow_ms"]) == (12.5, 20, 80)
    assert program.get(f"{root}/figures", {"period": "year"}).status_code == 422


def test_outages_and_uptime(
    program: Client, root: str, application: Application, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    now = timezone.now()
    Uptime.objects.create(application=application, hour=now - timedelta(hours=1), checks=60, failed=3)
    for number in range(3):
        until = now - timedelta(hours=number) if number else None
        Outage.objects.create(
            application=application, since=now - timedelta(hours=number + 1), until=until, reason=f"n{number}"
        )
    with django_assert_num_queries(5):
        shown = program.get(f"{root}/outages", {"limit": 2}).json()
    assert [each["last"] for each in shown["uptime"]] == ["24 hours", "7 days", "30 days"]
    assert shown["uptime"][0]["percent"] == 95.0
    rest = program.get(f"{root}/outages", {"limit": 2, "cursor": shown["next"]}).json()
    assert sorted(each["reason"] for each in shown["outages"] + rest["outages"]) == ["n0", "n1", "n2"]


def patch(program: Client, root: str, body: Any) -> Any:
    return program.patch(f"{root}/alerts", body, content_type="application/json")


def test_alerts_are_the_defaults_until_somebody_chooses(program: Client, root: str) -> None:
    shown = program.get(f"{root}/alerts").json()
    assert shown == {
        "email": True, "down": True, "disk_percent": 90, "errors_percent": 10,
        "deployments": "failed", "webhook": False, "commit_statuses": False,
    }  # fmt: skip
    assert patch(program, root, {}).json() == shown
    assert not Event.objects.filter(verb="alerts changed").exists()


def test_what_is_named_is_changed_and_the_address_never_comes_back(program: Client, root: str) -> None:
    answer = patch(program, root, {"webhook_url": HOOK, "errors_percent": None, "deployments": "all"})
    assert (answer.json()["webhook"], answer.json()["errors_percent"]) == (True, None)
    assert "very-secret" not in answer.content.decode()
    patch(program, root, {"disk_percent": 50, "down": False})
    rules = AlertSettings.objects.get()
    assert (rules.webhook_url, rules.disk_percent, rules.down, rules.email) == (HOOK, 50, False, True)
    assert patch(program, root, {"webhook_url": ""}).json()["webhook"] is False
    assert "very-secret" not in str(list(Event.objects.values()))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"webhook_url": "http://10.0.0.1/x"}, "webhook_url"),
        ({"disk_percent": 5}, "disk_percent"),
        ({"down": None}, "down"),
        ({"deployments": "some"}, "deployments"),
        ({"status_token": "x" * 40}, "status_token"),
    ],
)
def test_what_is_wrong_is_named(program: Client, root: str, body: dict[str, Any], field: str) -> None:
    answer = patch(program, root, body)
    assert answer.status_code == 422
    assert field in answer.json()["errors"]
    assert not AlertSettings.objects.exists()
