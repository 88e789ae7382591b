import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from ecdeployer.alerts.models import Alert, AlertSettings
from ecdeployer.figures import judging
from ecdeployer.figures.models import Sample
from ecdeployer.instances.models import Instance

from .conftest import make_sample, minutes_ago

pytestmark = pytest.mark.django_db


def judge(instance: Instance, **fields: float) -> list[str]:
    """The rules that are broken when this is the newest that the machine told."""
    Sample.objects.all().delete()
    make_sample(instance, minutes_ago(1), **fields)
    judging.judge([instance.application_id], now=timezone.now())
    return sorted(Alert.objects.filter(until=None).values_list("rule", flat=True))


def test_a_disk_is_full_at_its_limit_and_well_again_below_it(instance: Instance) -> None:
    assert judge(instance, disk=89.9) == []
    assert judge(instance, disk=90.0) == ["disk"]
    assert judge(instance, disk=88.0) == ["disk"]
    assert judge(instance, disk=91.0) == ["disk"]
    assert judge(instance, disk=86.0) == []
    assert Alert.objects.count() == 1


def test_errors_are_a_share_of_many_requests(instance: Instance) -> None:
    assert judge(instance, requests=19, errors=19) == []
    assert judge(instance, requests=100, errors=9) == []
    assert judge(instance, requests=100, errors=10) == ["errors"]
    assert judge(instance, requests=100, errors=0) == []


def test_a_rule_without_a_number_is_none_and_ends_what_it_had_begun(instance: Instance) -> None:
    assert judge(instance, disk=99.0, requests=100, errors=100) == ["disk", "errors"]
    AlertSettings.objects.create(application=instance.application, disk_percent=None, errors_percent=None)
    assert judge(instance, disk=99.0, requests=100, errors=100) == []


def test_old_samples_say_nothing(instance: Instance) -> None:
    make_sample(instance, minutes_ago(30), disk=99.0)
    with CaptureQueriesContext(connection) as queries:
        judging.judge([instance.application_id], now=timezone.now())
    assert not Alert.objects.exists()
    assert len(queries) == 3
