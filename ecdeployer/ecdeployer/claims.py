"""Which worker has a record: one conditional update, so that two never work on it at once."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db import DatabaseError, connection, models
from django.db.models import Case, Exists, F, Q, QuerySet, Value, When
from django.utils import timezone

from . import logs

logger = logging.getLogger(__name__)

#: A worker that died is waited for so long. One that lives renews its claim, for at most as long as Celery
#: lets a task run.
CLAIM = timedelta(seconds=30)
RENEWAL = 10.0
RENEWALS = 60
#: Workers that may die over one piece of work before its record is taken for the cause.
ATTEMPTS = 3
#: After an error that nobody foresaw; the record's deadline ends it if it stays.
AFTER_ERROR = timedelta(seconds=10)


class ClaimedModel(models.Model):
    """A record that workers advance; ``due_at`` is empty once it has ended."""

    attempt = models.PositiveIntegerField(default=1, help_text="Grows when a worker dies while it holds it.")
    claimed_until = models.DateTimeField(null=True, blank=True, help_text="A worker holds it until then.")
    due_at = models.DateTimeField(
        null=True,
        blank=True,
        db_index=True,
        help_text="When a worker has to look next; empty once it has ended.",
    )

    class Meta:
        abstract = True


Record = TypeVar("Record", bound=ClaimedModel)


def advance(
    unfinished: QuerySet[Record],
    pk: UUID,
    work: Callable[[Record], timedelta | None],
    *,
    only_if_due: bool,
    related: tuple[str, ...],
    logger: logging.Logger,
) -> timedelta | None:
    """Do the next piece of work on a record of an instance, which ``work`` does with ``related`` at hand.
    What it did not foresee goes to ``logger``.

    Returns when to look again, or None: it has ended, or another worker has it. Any number of calls at once
    do no harm.
    """
    if not take(unfinished, pk, only_if_due=only_if_due):
        return None
    record = unfinished.model._default_manager.select_related(*related).get(pk=pk)
    name = str(record._meta.model_name)
    with logs.bound(**{name: str(pk), "instance": str(record.instance_id)}):  # type: ignore[attr-defined]
        try:
            with kept(record):
                pause = work(record)
        except Exception:
            logger.exception("%s %s: unforeseen", name, pk)
            pause = AFTER_ERROR
    return release(record, due_in=pause) if pause is not None else None


def due(unfinished: QuerySet[Any], now: datetime) -> QuerySet[Any]:
    """What somebody should look at, the longest waiting first."""
    unclaimed = Q(claimed_until=None) | Q(claimed_until__lt=now)
    return unfinished.filter(unclaimed, due_at__lte=now).order_by("due_at")


def take(unfinished: QuerySet[Any], pk: UUID, *, only_if_due: bool) -> bool:
    """Hold the record until ``claimed_until``. ``attempt`` grows when who held it before never let go.

    Of those whose worker died one is tried at a time: a worker holds several, which die with it, and of which
    one alone may be the cause.
    """
    now = timezone.now()
    on_trial = Exists(unfinished.filter(attempt__gt=1, claimed_until__gte=now).exclude(pk=pk))
    row = unfinished.filter(Q(claimed_until=None) | (Q(claimed_until__lt=now) & ~on_trial), pk=pk)
    if only_if_due:
        row = row.filter(due_at__lte=now)
    grown = Case(When(claimed_until=None, then=F("attempt")), default=F("attempt") + Value(1))
    return bool(row.update(attempt=grown, claimed_until=now + CLAIM))


@contextmanager
def kept(record: ClaimedModel) -> Iterator[None]:
    """Hold on to it for the time of a piece of work, however long: reading a repository may take minutes."""
    done = threading.Event()
    keeper = threading.Thread(target=_keep, args=(record, done), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        done.set()
        keeper.join()


def _keep(record: ClaimedModel, done: threading.Event) -> None:
    try:
        renew(record, done)
    finally:
        connection.close()


def renew(record: ClaimedModel, done: threading.Event) -> None:
    """Until the work is done; a claim that another has by now is left alone.

    A database that is away for a moment is asked again: a claim outlives two renewals.
    """
    for _ in range(RENEWALS):
        if done.wait(RENEWAL):
            return
        until = timezone.now() + CLAIM
        try:
            if _held(record).update(claimed_until=until):
                record.claimed_until = until
        except DatabaseError as error:
            logger.warning("the claim on %s is not renewed yet: %s", record.pk, error)
            connection.close()


def release(record: ClaimedModel, *, due_in: timedelta) -> timedelta:
    """Let go, unless another has it by now. When to look next: sooner where a report has asked for it.

    What killed its worker was not in the piece of work that is done: an operator who restarts workers again
    and again during a long deployment does not end it.
    """
    next_look = timezone.now() + due_in
    # A result that arrived meanwhile has set due_at to the moment in which it came.
    sooner = When(due_at__gt=record.due_at, due_at__lt=next_look, then=F("due_at"))
    _held(record).update(attempt=1, claimed_until=None, due_at=Case(sooner, default=Value(next_look)))
    due_at = type(record)._default_manager.values_list("due_at", flat=True).get(pk=record.pk)
    return max((due_at or next_look) - timezone.now(), timedelta(0))


def _held(record: ClaimedModel) -> QuerySet[Any]:
    return type(record)._default_manager.filter(pk=record.pk, claimed_until=record.claimed_until)
