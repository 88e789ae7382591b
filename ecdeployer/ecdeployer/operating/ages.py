"""How long it is since what must happen all the time: what /metrics tells, and CloudWatch's alarms go by."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Min
from django.utils import timezone

from ..aws import cloudwatch
from ..aws.cloudwatch import Figure
from ..deployments.models import Deployment
from ..deployments.states import DeploymentState
from ..instances.connection import aws
from ..instances.models import FleetWatch
from .models import Heartbeat

#: By which CloudWatch tells the portals of one account apart.
DIMENSION = "Portal"


@dataclass(frozen=True)
class Age:
    """``seconds`` is None where it never happened: 0 would look as if it had just been."""

    name: str
    what: str
    seconds: float | None


def read(now: datetime) -> Iterator[Age]:
    """Three queries."""
    waiting = Deployment.objects.filter(state=DeploymentState.QUEUED).aggregate(at=Min("queued_at"))["at"]
    yield _since("ecdeployer_queue_seconds", "Age of the oldest waiting deployment.", waiting or now, now)
    beat = Heartbeat.objects.values_list("at", flat=True).first()
    yield _since("ecdeployer_heartbeat_seconds", "Since a task went all the way round.", beat, now)
    swept = FleetWatch.objects.values_list("swept_at", flat=True).first()
    yield _since(
        "ecdeployer_reconcile_seconds", "Since all machines were compared with the records.", swept, now
    )


def publish() -> None:
    """To CloudWatch, where the operator has named a namespace. Raises AWSError."""
    if not settings.CLOUDWATCH_NAMESPACE:
        return
    now = timezone.now()
    portal = {DIMENSION: settings.RESOURCE_PREFIX}
    figures = [
        Figure(name=age.name, at=now, value=age.seconds, unit="Seconds", dimensions=portal)
        for age in read(now)
        if age.seconds is not None
    ]
    cloudwatch.put(aws(), settings.CLOUDWATCH_NAMESPACE, figures)


def _since(name: str, what: str, then: datetime | None, now: datetime) -> Age:
    return Age(name, what, None if then is None else max((now - then).total_seconds(), 0.0))
