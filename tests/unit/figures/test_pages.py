from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application
from ecdeployer.figures.models import Outage, Uptime
from ecdeployer.figures.queries import Share
from ecdeployer.instances.models import Instance

from tests.portal_records import make_person

from .conftest import make_sample, minutes_ago

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client: Client, person: User, application: Application) -> str:
    client.force_login(person)
    return reverse("figures:show", args=[application.pk])


def test_without_figures_it_says_when_there_will_be_some(client: Client, page: str) -> None:
    text = client.get(page).content.decode()
    assert "The machine is asked some minutes after its site is live." in text
    assert text.count("Nothing yet") == 6
    assert "No outage was seen." in text


@pytest.mark.parametrize("period", ["hour", "day", "week", "nonsense"])
def test_figures_are_drawn_and_stand_there_as_numbers(
    client: Client, page: str, instance: Instance, period: str
) -> None:
    for back in range(1, 40):
        make_sample(instance, minutes_ago(back), requests=1234)
    answer = client.get(page, {"period": period})
    text = answer.content.decode()
    assert text.count('<svg class="plot-drawing"') == 6
    assert text.count('class="plot-line') == 7
    assert "The same as numbers" in text
    assert "style=" not in text.partition("<main")[2]
    assert answer.context["page"].period.name == (period if period != "nonsense" else "hour")


def test_the_number_of_queries_does_not_grow(client: Client, page: str, instance: Instance) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            client.get(page, {"period": "day"})
        return len(queries)

    count()
    before = count()
    for back in range(1, 100):
        make_sample(instance, minutes_ago(back * 3))
        Outage.objects.create(
            application=instance.application,
            since=minutes_ago(back),
            until=timezone.now(),
            reason="GET / answers 502.",
        )
    assert count() == before <= 14


def test_outages_and_uptime_are_told(client: Client, page: str, application: Application) -> None:
    now = timezone.now()
    Outage.objects.create(application=application, since=now, reason="GET / answers 502.")
    Uptime.objects.create(application=application, hour=now - timedelta(hours=2), checks=60, failed=3)
    Uptime.objects.create(application=application, hour=now - timedelta(days=3), checks=940, failed=0)
    text = client.get(page).content.decode()
    assert "GET / answers 502." in text
    assert "it goes on" in text
    assert "95.00 %" in text
    assert "99.70 %" in text


def test_one_failure_is_never_rounded_away() -> None:
    assert Share(label="", checks=100_000, failed=1).text == "99.99 %"
    assert Share(label="", checks=100, failed=0).text == "100 %"
    assert Share(label="", checks=0, failed=0).text == "not known yet"


def test_another_person_sees_nothing(client: Client, page: str) -> None:
    client.force_login(make_person("rui"))
    assert client.get(page).status_code == 404
