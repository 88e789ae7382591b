"""Telling a machine what is wanted, until it has confirmed it."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from ..accounts.models import User
from ..applications.models import Application
from ..commands import queue
from ..commands.models import Command
from ..commands.states import UNFINISHED
from ..deployments import releases
from ..instances.models import Instance
from ..instances.states import InstanceState
from .models import Maintenance

#: One that has confirmed is looked at again: its machine may be another by now.
CONFIRMED = timedelta(minutes=5)
#: One that has not is told again, half as often each time.
SOON = timedelta(seconds=20)
LONGEST = timedelta(minutes=10)
_SECONDS = 60


def due(now: datetime) -> QuerySet[Maintenance]:
    """Of applications that are on; the longest waiting first."""
    rows = Maintenance.objects.filter(application__terminate_requested_at=None, revision__gt=0)
    return rows.filter(due_at__lte=now).order_by("due_at")


def tell(row: Maintenance, *, by: User | None = None) -> Command | None:
    """Ask the machine that serves, in the caller's transaction. None where there is none that could."""
    instance = _machine_of(row.application)
    if instance is None:
        return None
    return queue.put(instance, Command.Action.MAINTENANCE, row.wanted, by=by, seconds=_SECONDS)


def look(pk: UUID) -> Command | None:
    """Tell the machine again where it has not confirmed, unless another worker does or it is on its way."""
    now = timezone.now()
    row = due(now).filter(pk=pk).select_related("application").first()
    if row is None:
        return None
    held = Maintenance.objects.filter(pk=pk, due_at=row.due_at)
    instance = _machine_of(row.application)
    if instance is None or row.is_confirmed_by(instance):
        held.update(due_at=now + (SOON if instance is None else CONFIRMED))
        return None
    if Command.objects.filter(
        instance=instance, action=Command.Action.MAINTENANCE, state__in=UNFINISHED
    ).exists():
        held.update(due_at=now + SOON)
        return None
    pause = min(SOON * 2 ** min(row.failures, 10), LONGEST)
    with transaction.atomic():
        if not held.update(due_at=now + pause, failures=F("failures") + 1):
            return None
        return tell(row)


def _machine_of(application: Application) -> Instance | None:
    live = releases.live(application)
    return live.instance if live and live.instance.state == InstanceState.RUNNING else None
