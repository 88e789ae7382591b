"""Figures for the operator's own CloudWatch, where a namespace for them is set."""

import logging
from collections.abc import Iterator, Mapping, Sequence

from django.conf import settings

from ..aws import cloudwatch
from ..aws.cloudwatch import Figure, Unit
from ..aws.errors import AWSError
from ..instances.connection import aws
from ..instances.models import Instance
from .lines import Reading

logger = logging.getLogger(__name__)


def publish(readings: Mapping[Instance, Sequence[Reading]]) -> None:
    """Minutes that were not published before. What AWS refuses stays in the portal alone, with a warning."""
    if not settings.CLOUDWATCH_NAMESPACE:
        return
    figures = (
        figure for instance, found in readings.items() for each in found for figure in _of(instance, each)
    )
    try:
        cloudwatch.put(aws(), settings.CLOUDWATCH_NAMESPACE, figures)
    except AWSError as error:
        logger.warning("figures for CloudWatch: %s", error.operator)


def _of(instance: Instance, reading: Reading) -> Iterator[Figure]:
    """The first three have the names that the CloudWatch agent gives them; where it runs, it puts them there.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/metrics-collected-by-CloudWatch-agent.html
    """
    machine: tuple[tuple[str, Unit, float | None], ...] = (
        ("cpu_usage_active", "Percent", reading.processor),
        ("mem_used_percent", "Percent", reading.memory),
        ("disk_used_percent", "Percent", reading.disk),
    )
    requests: tuple[tuple[str, Unit, float | None], ...] = (
        ("requests", "Count", reading.requests),
        ("requests_5xx", "Count", reading.errors),
        ("response_time_p50", "Milliseconds", reading.median),
        ("response_time_p95", "Milliseconds", reading.slow),
    )
    dimensions = {"InstanceId": str(instance.ec2_id)}
    for name, unit, value in (*(() if settings.CLOUDWATCH_AGENT else machine), *requests):
        if value is not None:
            yield Figure(name=name, at=reading.at, value=value, unit=unit, dimensions=dimensions)
