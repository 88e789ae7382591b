"""CloudWatch: figures as metrics of the account's own, for its dashboards and alarms."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Literal

from .session import AWS

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricDatumTypeDef

#: Words of CloudWatch's.
Unit = Literal["Count", "Milliseconds", "Percent", "Seconds"]

#: Of one request. AWS takes 1,000 and a megabyte:
#: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
AT_ONCE = 500


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One value at a time of at most two weeks ago."""

    name: str
    at: datetime
    value: float
    unit: Unit
    dimensions: Mapping[str, str]


def put(aws: AWS, namespace: str, figures: Iterable[Figure]) -> None:
    """One call for 500 of them. What is put twice counts twice. Raises AWSError."""
    rest = iter(figures)
    while part := [_datum(figure) for figure in islice(rest, AT_ONCE)]:
        _put(aws, namespace, part)


def _put(aws: AWS, namespace: str, data: "list[MetricDatumTypeDef]") -> None:
    aws.ask(lambda: aws.cloudwatch.put_metric_data(Namespace=namespace, MetricData=data))


def _datum(figure: Figure) -> "MetricDatumTypeDef":
    return {
        "MetricName": figure.name,
        "Timestamp": figure.at,
        "Value": figure.value,
        "Unit": figure.unit,
        "Dimensions": [{"Name": name, "Value": value} for name, value in figure.dimensions.items()],
    }
