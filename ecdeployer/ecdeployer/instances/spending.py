"""What instances cost: from now on, this month and since their launch."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db.models import Count, F, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from ..accounts.models import User
from . import prices
from .models import Usage

_HUNDREDTH_OF_A_CENT = Decimal("0.0001")


@dataclass(frozen=True, kw_only=True)
class Spending:
    """US dollars by the table of prices. ``unknown`` are the types that it lacks: they are in no sum."""

    monthly: Decimal = Decimal(0)
    this_month: Decimal = Decimal(0)
    in_all: Decimal = Decimal(0)
    unknown: tuple[str, ...] = ()

    @property
    def known(self) -> Decimal | None:
        """All that it has cost; None where a price is not known: a part would look like the whole."""
        return None if self.unknown else self.in_all


@dataclass(frozen=True, kw_only=True)
class _Line:
    """Of one kind and type: how many go on, and for how long they did in all and this month."""

    kind: str
    instance_type: str
    running: int
    in_all: timedelta
    this_month: timedelta


def of_owner(owner: User) -> Spending:
    """All that a person has and had: one query, summed up by the database."""
    return _summed_up(Usage.objects.filter(owner=owner))


def of_portal() -> Spending:
    """All that everybody has and had: one query, summed up by the database."""
    return _summed_up(Usage.objects.all())


def of_applications(pks: Iterable[UUID]) -> dict[UUID, Spending]:
    """By application; one query. What was never launched is not in it."""
    rows = Usage.objects.filter(instance__application__in=list(pks)).order_by()
    columns = ("instance__application", "kind", "instance_type", "since", "until")
    found: dict[UUID, list[_Line]] = {}
    for pk, *row in rows.values_list(*columns):
        found.setdefault(pk, []).append(_line(*row))
    return {pk: _sum(lines) for pk, lines in found.items()}


def of_application(pk: UUID) -> Spending:
    return of_applications([pk]).get(pk, Spending())


def _month(now: datetime) -> datetime:
    """AWS's months begin in UTC."""
    return now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _line(kind: str, instance_type: str, since: datetime, until: datetime | None) -> _Line:
    now = timezone.now()
    end, month = until or now, _month(now)
    return _Line(
        kind=kind,
        instance_type=instance_type,
        running=until is None,
        in_all=end - since,
        this_month=max(end, month) - max(since, month),
    )


def _summed_up(usage: QuerySet[Usage]) -> Spending:
    now = timezone.now()
    end, month = Coalesce("until", Value(now)), Value(_month(now))
    lines = (
        usage.order_by()
        .values("kind", "instance_type")
        .annotate(
            running=Count("pk", filter=Q(until=None)),
            in_all=Sum(end - F("since")),
            this_month=Sum(Greatest(end, month) - Greatest("since", month)),
        )
    )
    return _sum(_Line(**line) for line in lines)


def _sum(lines: Iterable[_Line]) -> Spending:
    monthly = this_month = in_all = Decimal(0)
    unknown = set()
    for line in lines:
        price = _hour(line)
        if price is None:
            unknown.add(line.instance_type)
            continue
        monthly += price * prices.HOURS_A_MONTH * line.running
        this_month += price * _hours(line.this_month)
        in_all += price * _hours(line.in_all)
    return Spending(
        monthly=monthly.quantize(Decimal("0.01")),
        this_month=this_month.quantize(_HUNDREDTH_OF_A_CENT),
        in_all=in_all.quantize(_HUNDREDTH_OF_A_CENT),
        unknown=tuple(sorted(unknown)),
    )


def _hour(line: _Line) -> Decimal | None:
    region = settings.AWS_REGION
    if line.kind == Usage.Kind.DISK:
        return prices.disk(region=region)
    if line.kind == Usage.Kind.ADDRESS:
        return prices.address()
    return prices.machine(line.instance_type, region=region)


def _hours(length: timedelta) -> Decimal:
    return Decimal(max(length, timedelta(0)) / timedelta(hours=1))
