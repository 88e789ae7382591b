"""What instances cost: from now on, this month and since their launch. Summed up by the database."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count, F, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from ..accounts.models import User
from . import prices
from .models import Usage

_TENTH_OF_A_CENT = Decimal("0.0001")


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


def of_owner(owner: User) -> Spending:
    """All that a person has and had: one query."""
    return _read(Usage.objects.filter(owner=owner))


def of_portal() -> Spending:
    """All that everybody has and had: one query."""
    return _read(Usage.objects.all())


def of_applications(pks: Iterable[UUID]) -> dict[UUID, Spending]:
    """By application; one query. What was never launched is not in it."""
    found: dict[UUID, list[dict[str, Any]]] = {}
    application = F("instance__application_id")
    for line in _lines(Usage.objects.filter(instance__application__in=list(pks)), application=application):
        found.setdefault(line["application"], []).append(line)
    return {pk: _sum(lines) for pk, lines in found.items()}


def of_application(pk: UUID) -> Spending:
    return of_applications([pk]).get(pk, Spending())


def _read(usage: QuerySet[Usage]) -> Spending:
    return _sum(_lines(usage))


def _lines(usage: QuerySet[Usage], **by: Any) -> QuerySet[Usage, dict[str, Any]]:
    """For each kind and type: how many go on, and for how long in all and this month (in UTC, as AWS)."""
    now = timezone.now()
    month = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = Coalesce("until", Value(now))
    return (
        usage.order_by()
        .values("kind", "instance_type", **by)
        .annotate(
            running=Count("pk", filter=Q(until=None)),
            in_all=Sum(end - F("since")),
            this_month=Sum(Greatest(end, Value(month)) - Greatest("since", Value(month))),
        )
    )


def _sum(lines: Iterable[dict[str, Any]]) -> Spending:
    monthly = this_month = in_all = Decimal(0)
    unknown = set()
    for line in lines:
        price = _hour(line["kind"], line["instance_type"])
        if price is None:
            unknown.add(line["instance_type"])
            continue
        monthly += price * prices.HOURS_A_MONTH * line["running"]
        this_month += price * _hours(line["this_month"])
        in_all += price * _hours(line["in_all"])
    return Spending(
        monthly=monthly.quantize(Decimal("0.01")),
        this_month=this_month.quantize(_TENTH_OF_A_CENT),
        in_all=in_all.quantize(_TENTH_OF_A_CENT),
        unknown=tuple(sorted(unknown)),
    )


def _hour(kind: str, instance_type: str) -> Decimal | None:
    region = settings.AWS_REGION
    if kind == Usage.Kind.DISK:
        return prices.disk(region=region)
    return prices.machine(instance_type, region=region)


def _hours(length: timedelta) -> Decimal:
    return Decimal(max(length, timedelta(0)) / timedelta(hours=1))
