from datetime import timedelta

import pytest
from django.utils import timezone
from ecdeployer.alerts import raising
from ecdeployer.alerts.models import Alert, AlertSettings, Notification
from ecdeployer.applications.models import Application

pytestmark = pytest.mark.django_db
DOWN = Alert.Rule.DOWN


def come_and_go(application: Application, *, minutes_ago: float) -> None:
    moment = timezone.now() - timedelta(minutes=minutes_ago)
    raising.begin(application.pk, DOWN, detail="GET / answers 502.", since=moment)
    raising.end(application.pk, DOWN, detail="The site answers again.", now=moment + timedelta(minutes=1))


def subjects() -> list[str]:
    return list(Notification.objects.order_by("created_at").values_list("subject", flat=True))


def test_a_beginning_and_an_end_are_told_once(application: Application) -> None:
    for _ in range(3):
        raising.begin(application.pk, DOWN, detail="GET / answers 502.", since=timezone.now())
    for _ in range(3):
        raising.end(application.pk, DOWN, detail="The site answers again.", now=timezone.now())
    assert subjects() == ["The site is down: bakery", "Over: the site is down: bakery"]
    assert Alert.objects.get().until is not None


def test_what_comes_and_goes_is_told_three_times_an_hour(application: Application) -> None:
    for number in range(10):
        come_and_go(application, minutes_ago=50 - number * 5)
    assert len(subjects()) == 6
    assert "It comes and goes" in Notification.objects.order_by("created_at")[4].text
    assert Alert.objects.count() == 10


def test_after_a_quiet_hour_it_is_told_again(application: Application) -> None:
    for number in range(5):
        come_and_go(application, minutes_ago=150 - number)
    come_and_go(application, minutes_ago=5)
    assert len(subjects()) == 8


def test_what_lasts_is_told_though_it_had_come_and_gone(application: Application) -> None:
    for number in range(4):
        come_and_go(application, minutes_ago=40 - number)
    since = timezone.now() - timedelta(minutes=14)
    raising.begin(application.pk, DOWN, detail="GET / answers 502.", since=since)
    raising.tell_late(timezone.now())
    assert len(subjects()) == 6
    raising.tell_late(timezone.now() + timedelta(minutes=2))
    raising.tell_late(timezone.now() + timedelta(minutes=2))
    assert len(subjects()) == 7
    raising.end(application.pk, DOWN, detail="The site answers again.", now=timezone.now())
    assert len(subjects()) == 8


def test_a_rule_that_is_off_is_told_to_nobody(application: Application) -> None:
    AlertSettings.objects.create(application=application, down=False)
    come_and_go(application, minutes_ago=30)
    raising.begin(application.pk, DOWN, detail="x", since=timezone.now() - timedelta(hours=1))
    raising.tell_late(timezone.now())
    assert subjects() == []
