from datetime import timedelta

import pytest
from django.utils import timezone
from ecdeployer.figures import thinning
from ecdeployer.figures.models import Sample
from ecdeployer.instances.models import Instance

from .conftest import make_sample, minutes_ago

pytestmark = pytest.mark.django_db
DAY = 24 * 60


def test_minutes_of_yesterday_become_five_of_them(instance: Instance) -> None:
    begin = thinning.begin_of(minutes_ago(DAY + 60), 5)
    for number in range(5):
        busy = number == 4
        make_sample(
            instance,
            begin + timedelta(minutes=number),
            processor=10.0 * number,
            disk=50.0 + number,
            requests=100 if busy else 0,
            errors=7 if busy else 0,
            median=30 if busy else None,
            slow=200 if busy else None,
        )
    make_sample(instance, minutes_ago(10))
    thinning.thin(timezone.now())
    old, new = Sample.objects.order_by("at")
    assert (old.span, old.at, new.span) == (5, begin, 1)
    assert (old.processor, old.disk) == (20.0, 54.0)
    assert (old.requests, old.errors, old.median, old.slow) == (100, 7, 30, 200)


def test_it_may_be_done_twice_and_holes_stay_holes(instance: Instance) -> None:
    begin = thinning.begin_of(minutes_ago(DAY + 120), 5)
    for number in (0, 1, 31):
        make_sample(instance, begin + timedelta(minutes=number))
    for _ in range(2):
        thinning.thin(timezone.now())
        spans = Sample.objects.order_by("at").values_list("at", "span", "requests")
        assert list(spans) == [(begin, 5, 120), (begin + timedelta(minutes=30), 5, 60)]


def test_what_is_older_than_eight_days_goes(instance: Instance) -> None:
    make_sample(instance, minutes_ago(8 * DAY + 30), span=5)
    make_sample(instance, minutes_ago(7 * DAY), span=5)
    thinning.thin(timezone.now())
    assert Sample.objects.count() == 1
