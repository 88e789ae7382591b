"""What CloudWatch's alarms go by, and moto in CloudWatch's place."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from botocore.stub import Stubber
from django.conf import settings as configured
from django.utils import timezone
from ecdeployer.accounts.models import User
from ecdeployer.aws.session import AWS
from ecdeployer.deployments.models import Deployment
from ecdeployer.instances.models import FleetWatch
from ecdeployer.operating import ages
from ecdeployer.operating.tasks import beat, publish_ages
from moto import mock_aws
from pytest_django import Settings

from tests import portal_records as records

pytestmark = pytest.mark.django_db


@pytest.fixture
def aws(settings: Settings) -> Iterator[AWS]:
    settings.CLOUDWATCH_NAMESPACE = "sites"
    settings.RESOURCE_PREFIX = "sites"
    with mock_aws():
        found = AWS("eu-west-1")
        with patch.object(ages, "aws", lambda: found):
            yield found


def published(aws: AWS) -> dict[str, Any]:
    """The newest value of each metric, by its name."""
    now = timezone.now()
    found: dict[str, Any] = {}
    for metric in aws.cloudwatch.list_metrics(Namespace="sites")["Metrics"]:
        [found[metric["MetricName"]]] = aws.cloudwatch.get_metric_statistics(
            Namespace="sites", MetricName=metric["MetricName"], Dimensions=metric["Dimensions"],
            StartTime=now - timedelta(hours=1), EndTime=now + timedelta(hours=1), Period=7200,
            Statistics=["Maximum"],
        )["Datapoints"]  # fmt: skip
    return found


def test_every_age_is_published_with_the_portals_prefix(aws: AWS) -> None:
    records.make_queued(User.objects.create(username="owner"))
    now = timezone.now()
    Deployment.objects.update(queued_at=now - timedelta(seconds=200))
    FleetWatch.objects.update_or_create(pk=1, defaults={"swept_at": now - timedelta(seconds=90)})
    beat()
    publish_ages()
    found = published(aws)
    assert found["ecdeployer_queue_seconds"]["Maximum"] == pytest.approx(200, abs=10)
    assert found["ecdeployer_reconcile_seconds"]["Maximum"] == pytest.approx(90, abs=10)
    assert found["ecdeployer_heartbeat_seconds"]["Maximum"] == pytest.approx(0, abs=10)
    assert {each["Unit"] for each in found.values()} == {"Seconds"}
    [dimensions] = {
        tuple((each["Name"], each["Value"]) for each in metric["Dimensions"])
        for metric in aws.cloudwatch.list_metrics(Namespace="sites")["Metrics"]
    }
    assert dimensions == (("Portal", "sites"),)


def test_what_never_happened_is_missing(aws: AWS) -> None:
    publish_ages()
    assert published(aws).keys() == {"ecdeployer_queue_seconds"}


def test_without_a_namespace_aws_is_not_asked(aws: AWS, settings: Settings) -> None:
    settings.CLOUDWATCH_NAMESPACE = ""
    with Stubber(aws.cloudwatch):
        publish_ages()


def test_what_aws_refuses_is_logged(aws: AWS, caplog: pytest.LogCaptureFixture) -> None:
    with Stubber(aws.cloudwatch) as stubber:
        stubber.add_client_error("put_metric_data", "AccessDenied", "no")
        publish_ages()
    assert "ages for CloudWatch: AccessDenied: no" in caplog.text


def test_beat_asks_for_it_each_minute() -> None:
    entries = [e for e in configured.CELERY_BEAT_SCHEDULE.values() if e["task"] == publish_ages.name]
    assert [entry["schedule"] for entry in entries] == [60.0]
