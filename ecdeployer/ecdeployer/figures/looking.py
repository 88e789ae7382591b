"""Looking at sites as visitors do, every minute: many at once, for most of the time is waiting."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from ..alerts import raising
from ..alerts.models import Alert
from ..applications.models import Application
from ..deployments import health
from ..deployments.models import Deployment
from ..deployments.states import DeploymentState
from ..instances.models import Instance
from ..instances.states import InstanceState
from .models import Outage, Uptime, Watch

EVERY = timedelta(minutes=1)
#: Seconds for one site; sites of one task, and of those at once: a task takes as long as its slowest site.
PATIENCE, BATCH, AT_ONCE = 5.0, 200, 200
ROUND = 5000
#: Failures in a row that are an outage.
DOWN = 2
#: Said by nginx while a site is closed on purpose.
MAINTENANCE = "X-Ecdeployer-Maintenance"


@dataclass(frozen=True, kw_only=True)
class Site:
    """What is asked, and where."""

    application_id: UUID
    address: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Look:
    """``reason`` is empty for a site that answers."""

    application_id: UUID
    reason: str = ""


def take_due(now: datetime) -> list[UUID]:
    """Sites that nobody else looks at in this minute."""
    _begin_watches()
    _end_watches(now)
    due = Watch.objects.filter(due_at__lte=now).order_by("due_at")
    with transaction.atomic():
        found = list(due.select_for_update(skip_locked=True).values_list("pk", flat=True)[:ROUND])
        if found:
            Watch.objects.filter(pk__in=found).update(due_at=now + EVERY)
    return found


def _begin_watches() -> None:
    fresh = Application.objects.filter(serves=True, watch=None).values_list("pk", flat=True)
    watches = [Watch(application_id=pk) for pk in fresh[:ROUND]]
    if watches:
        Watch.objects.bulk_create(watches, ignore_conflicts=True)


def _end_watches(now: datetime) -> None:
    """A site that is not to serve, or whose machine is stopped, has no outage: nobody looks at it."""
    Watch.objects.filter(application__serves=False).delete()
    running = Instance.objects.filter(application=OuterRef("pk"), state=InstanceState.RUNNING)
    at_rest = Application.objects.filter(Q(serves=False) | ~Exists(running))
    Outage.objects.filter(until=None, application__in=at_rest).update(until=now)
    Alert.objects.filter(until=None, application__in=at_rest).update(until=now)


def sites(pks: Iterable[UUID]) -> list[Site]:
    """Where the release that is live answers. One query."""
    live = Deployment.objects.filter(application=OuterRef("pk"), state=DeploymentState.SUCCEEDED)
    newest = live.order_by("-number")
    rows: QuerySet[Application, tuple[UUID, str, str | None, str | None]] = (
        Application.objects.filter(pk__in=list(pks), serves=True, terminate_requested_at=None)
        .annotate(
            address=Subquery(newest.values("instance__public_ip")[:1]),
            machine=Subquery(newest.values("instance__state")[:1]),
        )
        .values_list("pk", "health_path", "address", "machine")
    )
    return [
        Site(application_id=pk, address=address, path=path)
        for pk, path, address, machine in rows
        if address and machine == InstanceState.RUNNING
    ]


def look_at(pks: Iterable[UUID]) -> None:
    """Ask all of them, and write down what they said."""
    found = sites(pks)
    if found:
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            looks = list(pool.map(look, found))
        write(looks, now=timezone.now())


def look(site: Site) -> Look:
    """No database here: it runs in a thread."""
    try:
        status, headers = health.visit(site.address, site.path, patience=PATIENCE)
    except health.UnreachableError as error:
        return Look(application_id=site.application_id, reason=str(error)[:300])
    failed = status >= 500 and not headers.get(MAINTENANCE)
    reason = f"GET {site.path} answers {status}."[:300] if failed else ""
    return Look(application_id=site.application_id, reason=reason)


def write(looks: Sequence[Look], *, now: datetime) -> None:
    """Five queries for sites that are well; each that is not, or was not, costs some more."""
    pks = [look.application_id for look in looks]
    failed = {look.application_id: look.reason for look in looks if look.reason}
    _count(pks, failed, now)
    Watch.objects.filter(pk__in=[pk for pk in pks if pk not in failed], failures=0).update(checked_at=now)
    recovered = Watch.objects.filter(pk__in=[pk for pk in pks if pk not in failed], failures__gt=0)
    for watch in recovered:
        _up(watch, now)
    for pk, reason in failed.items():
        _failed(pk, reason, now)


def _count(pks: Sequence[UUID], failed: Iterable[UUID], now: datetime) -> None:
    hour = now.replace(minute=0, second=0, microsecond=0)
    known = Uptime.objects.filter(hour=hour, application__in=pks)
    new = set(pks) - set(known.values_list("application", flat=True))
    if new:
        Uptime.objects.bulk_create(
            [Uptime(application_id=pk, hour=hour) for pk in new], ignore_conflicts=True
        )
    in_vain = Case(When(application__in=list(failed), then=Value(1)), default=Value(0))
    known.update(checks=F("checks") + 1, failed=F("failed") + in_vain)


def _failed(pk: UUID, reason: str, now: datetime) -> None:
    with transaction.atomic():
        Watch.objects.filter(pk=pk).update(
            checked_at=now,
            failures=F("failures") + 1,
            failing_since=Coalesce("failing_since", now),
            reason=reason,
        )
        watch = Watch.objects.filter(pk=pk, failures__gte=DOWN).first()
        if watch is None or Outage.objects.filter(application_id=pk, until=None).exists():
            return
        since = watch.failing_since or now
        Outage.objects.bulk_create(
            [Outage(application_id=pk, since=since, reason=reason)], ignore_conflicts=True
        )
        raising.begin(pk, Alert.Rule.DOWN, detail=reason, since=since)


def _up(watch: Watch, now: datetime) -> None:
    with transaction.atomic():
        Watch.objects.filter(pk=watch.pk).update(checked_at=now, failures=0, failing_since=None, reason="")
        Outage.objects.filter(application=watch.pk, until=None).update(until=now)
        raising.end(watch.pk, Alert.Rule.DOWN, detail="The site answers again.", now=now)
