"""Figures in the operator's CloudWatch, which moto stands in for."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from botocore.stub import Stubber
from django.utils import timezone
from ecdeployer.aws import cloudwatch
from ecdeployer.aws.questions import Answer
from ecdeployer.aws.session import AWS
from ecdeployer.figures import collecting, publishing
from ecdeployer.figures.lines import minute_of
from ecdeployer.figures.models import Gauge, Sample
from ecdeployer.instances.models import Instance
from moto import mock_aws
from pytest_django import Settings

pytestmark = pytest.mark.django_db


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[AWS]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        found = AWS("eu-west-1")
        with patch.object(publishing, "aws", lambda: found):
            yield found


def hear(instance: Instance, *lines: str) -> None:
    """The machine tells of the minutes before this one."""
    Gauge.objects.get_or_create(instance=instance)
    now = timezone.now()
    text = "\n".join(
        f"{minute_of(now) - back} {line}" for back, line in zip(range(len(lines), 0, -1), lines, strict=True)
    )
    collecting.keep([Answer(ec2_id=str(instance.ec2_id), status="Success", output=text)], now=now)


def statistics(aws: AWS, instance: Instance, name: str) -> dict[str, Any]:
    now, ec2_id = timezone.now(), str(instance.ec2_id)
    found = aws.cloudwatch.get_metric_statistics(
        Namespace="sites", MetricName=name, Dimensions=[{"Name": "InstanceId", "Value": ec2_id}],
        StartTime=now - timedelta(hours=1), EndTime=now, Period=3600,
        Statistics=["Sum", "SampleCount", "Maximum"],
    )["Datapoints"]  # fmt: skip
    return dict(found[0]) if found else {}


def test_each_minute_is_published_once(aws: AWS, instance: Instance, settings: Settings) -> None:
    settings.CLOUDWATCH_NAMESPACE = "sites"
    hear(instance, "10.0 20.0 30.0 5 1 8 90", "30.0 20.0 30.0 7 0 9 50")
    hear(instance, "10.0 20.0 30.0 5 1 8 90", "30.0 20.0 30.0 7 0 9 50")
    assert (statistics(aws, instance, "requests")["Sum"], Sample.objects.count()) == (12, 2)
    assert statistics(aws, instance, "cpu_usage_active")["Maximum"] == 30
    assert statistics(aws, instance, "response_time_p95")["Unit"] == "Milliseconds"
    names = {each["MetricName"] for each in aws.cloudwatch.list_metrics(Namespace="sites")["Metrics"]}
    assert names == {
        "cpu_usage_active", "mem_used_percent", "disk_used_percent", "requests", "requests_5xx",
        "response_time_p50", "response_time_p95",
    }  # fmt: skip


def test_where_the_agent_runs_the_portal_tells_of_requests_alone(
    aws: AWS, instance: Instance, settings: Settings
) -> None:
    settings.CLOUDWATCH_NAMESPACE, settings.CLOUDWATCH_AGENT = "sites", True
    hear(instance, "10.0 20.0 30.0 5 1 8 90")
    names = {each["MetricName"] for each in aws.cloudwatch.list_metrics(Namespace="sites")["Metrics"]}
    assert names == {"requests", "requests_5xx", "response_time_p50", "response_time_p95"}


def test_a_minute_without_a_request_has_no_response_time(
    aws: AWS, instance: Instance, settings: Settings
) -> None:
    settings.CLOUDWATCH_NAMESPACE = "sites"
    hear(instance, "10.0 20.0 30.0 0 0 - -")
    assert statistics(aws, instance, "requests")["Sum"] == 0
    assert statistics(aws, instance, "response_time_p50") == {}


def test_without_a_namespace_aws_is_not_asked(aws: AWS, instance: Instance) -> None:
    with Stubber(aws.cloudwatch):
        hear(instance, "10.0 20.0 30.0 5 1 8 90")
    assert Sample.objects.count() == 1


@pytest.mark.parametrize("code", ["AccessDenied", "Throttling", "InternalServiceFault"])
def test_what_aws_refuses_stays_in_the_portal(
    aws: AWS,
    instance: Instance,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    code: str,
) -> None:
    settings.CLOUDWATCH_NAMESPACE = "sites"
    with Stubber(aws.cloudwatch) as stubber:
        stubber.add_client_error("put_metric_data", code, "no")
        hear(instance, "10.0 20.0 30.0 5 1 8 90")
    assert Sample.objects.count() == 1
    assert f"figures for CloudWatch: {code}: no" in caplog.text


def test_many_are_put_five_hundred_at_once(aws: AWS) -> None:
    figures = (
        cloudwatch.Figure(name="n", at=timezone.now(), value=1, unit="Count", dimensions={"InstanceId": "i"})
        for _ in range(1001)
    )
    with patch.object(aws.cloudwatch, "put_metric_data", wraps=aws.cloudwatch.put_metric_data) as put:
        cloudwatch.put(aws, "sites", figures)
    assert [len(call.kwargs["MetricData"]) for call in put.call_args_list] == [500, 500, 1]
