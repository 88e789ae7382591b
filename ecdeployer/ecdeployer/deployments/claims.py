"""Which worker has a deployment: one conditional update, so that two never work on it at once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.utils import timezone

from .models import Deployment
from .states import DeploymentState

UNFINISHED = (DeploymentState.QUEUED, DeploymentState.RUNNING)
#: A worker that died is waited for so long. One that lives renews its claim, for at most as long as Celery
#: lets a task run.
CLAIM = timedelta(seconds=30)
RENEWAL = 10.0
RENEWALS = 60
#: Workers that may die over one deployment before it is taken for the cause.
ATTEMPTS = 3


def due(now: datetime) -> QuerySet[Deployment]:
    """What somebody should look at, the longest waiting first."""
    unclaimed = Q(claimed_until=None) | Q(claimed_until__lt=now)
    return Deployment.objects.filter(unclaimed, state__in=UNFINISHED, due_at__lte=now).order_by("due_at")


def take(pk: UUID, *, only_if_due: bool) -> Deployment | None:
    """The deployment with its application and instance, held until ``claimed_until``, or None.

    ``attempt`` grows when the one who held it before never let go.
    """
    now = timezone.now()
    row = Deployment.objects.filter(pk=pk, state__in=UNFINISHED)
    row = row.filter(Q(claimed_until=None) | Q(claimed_until__lt=now))
    if only_if_due:
        row = row.filter(due_at__lte=now)
    grown = Case(When(claimed_until=None, then=F("attempt")), default=F("attempt") + Value(1))
    until = now + CLAIM
    if not row.update(attempt=grown, claimed_until=until):
        return None
    return Deployment.objects.select_related("application", "instance", "rolls_back_to").get(pk=pk)


@contextmanager
def kept(deployment: Deployment) -> Iterator[None]:
    """Hold on to it for the time of a piece of work, however long: reading a repository may take minutes."""
    done = threading.Event()
    keeper = threading.Thread(target=_keep, args=(deployment, done), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        done.set()
        keeper.join()


def _keep(deployment: Deployment, done: threading.Event) -> None:
    try:
        renew(deployment, done)
    finally:
        connection.close()


def renew(deployment: Deployment, done: threading.Event) -> None:
    """Until the work is done; a claim that another has by now is left alone."""
    for _ in range(RENEWALS):
        if done.wait(RENEWAL):
            return
        until = timezone.now() + CLAIM
        held = Deployment.objects.filter(pk=deployment.pk, claimed_until=deployment.claimed_until)
        if held.update(claimed_until=until):
            deployment.claimed_until = until


def release(deployment: Deployment, *, due_in: timedelta) -> timedelta:
    """Let go, unless another has it by now. When to look next: sooner where a report has asked for it."""
    next_look = timezone.now() + due_in
    held = Deployment.objects.filter(pk=deployment.pk, claimed_until=deployment.claimed_until)
    # A result that arrived meanwhile has set due_at to the moment in which it came.
    sooner = When(due_at__gt=deployment.due_at, due_at__lt=next_look, then=F("due_at"))
    held.update(claimed_until=None, due_at=Case(sooner, default=Value(next_look)))
    due_at = Deployment.objects.values_list("due_at", flat=True).get(pk=deployment.pk)
    return max((due_at or next_look) - timezone.now(), timedelta(0))
