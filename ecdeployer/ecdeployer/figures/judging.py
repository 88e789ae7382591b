"""Whether what machines said breaks a rule of their owner's."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Max, Sum

from ..alerts import raising
from ..alerts.models import Alert, AlertSettings
from .models import Sample

#: Errors are a share of the requests of so many minutes, and of fewer requests nothing is said.
MINUTES, REQUESTS = 5, 20
#: Below the limit by so much a disk is well again: it does not come and go around it.
EASE = 3


def judge(pks: Iterable[UUID], *, now: datetime) -> None:
    """Of applications whose machines have just told something. Three queries while no rule is broken."""
    pks = list(pks)
    rules = AlertSettings.of_all(pks)
    samples = Sample.objects.filter(
        instance__application__in=pks, span=1, at__gte=now - timedelta(minutes=MINUTES + 3)
    )
    sums = (
        samples.order_by()
        .values("instance__application")
        .annotate(disk=Max("disk"), requests=Sum("requests"), errors=Sum("errors"))
    )
    is_open = {
        (alert.application_id, alert.rule) for alert in Alert.objects.filter(application__in=pks, until=None)
    }
    for found in sums:
        pk = found["instance__application"]
        _judge_disk(pk, found["disk"], rules[pk].disk_percent, (pk, Alert.Rule.DISK) in is_open, now)
        share = 100 * found["errors"] / found["requests"] if found["requests"] >= REQUESTS else 0.0
        _judge_errors(pk, share, rules[pk].errors_percent, (pk, Alert.Rule.ERRORS) in is_open, now)


def _judge_disk(pk: UUID, use: float, limit: int | None, is_open: bool, now: datetime) -> None:  # noqa: FBT001
    if limit is not None and use >= limit and not is_open:
        raising.begin(pk, Alert.Rule.DISK, detail=f"{use:.0f} % of the disk are in use.", since=now)
    if is_open and (limit is None or use < limit - EASE):
        raising.end(pk, Alert.Rule.DISK, detail=f"{use:.0f} % of the disk are in use.", now=now)


def _judge_errors(pk: UUID, share: float, limit: int | None, is_open: bool, now: datetime) -> None:  # noqa: FBT001
    detail = f"{share:.0f} % of the requests of the last minutes were answered with 5xx."
    if limit is not None and share >= limit and not is_open:
        raising.begin(pk, Alert.Rule.ERRORS, detail=detail, since=now)
    if is_open and (limit is None or share < limit):
        raising.end(pk, Alert.Rule.ERRORS, detail=detail, now=now)
