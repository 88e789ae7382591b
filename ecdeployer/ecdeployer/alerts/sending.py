"""What a worker does with a message: one attempt, and the time of the next."""

import logging
from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from .. import claims
from . import channels
from .models import Notification

logger = logging.getLogger(__name__)
State = Notification.State

FIRST, LONGEST = timedelta(seconds=10), timedelta(minutes=15)
KEPT = timedelta(days=30)
WAITING = Notification.objects.filter(state=State.WAITING)


def send(pk: UUID) -> None:
    """One attempt; of two workers one has it. One that dies between the answer and the row sends it twice."""
    if not claims.take(WAITING.all(), pk, only_if_due=True):
        return
    notification = Notification.objects.get(pk=pk)
    now = timezone.now()
    if now > notification.deadline or notification.attempt > claims.ATTEMPTS:
        _end(notification, State.FAILED, notification.reason or "It could not be sent in time.")
        return
    try:
        with claims.kept(notification):
            result = channels.send(notification)
    except Exception:
        logger.exception("notification %s: unforeseen", pk)
        result = channels.Result(sent=False, said="An error of the portal's own.", again=True)
    if result.sent:
        _end(notification, State.SENT, result.said)
    elif result.again:
        _later(notification, result.said)
    else:
        _end(notification, State.DROPPED if result.dropped else State.FAILED, result.said)


def _end(notification: Notification, state: str, reason: str) -> None:
    if state == State.FAILED:
        logger.warning("notification %s was not sent: %s", notification.pk, reason)
    sent_at = timezone.now() if state == State.SENT else None
    WAITING.filter(pk=notification.pk).update(
        state=state, reason=reason[:1000], sent_at=sent_at, due_at=None, claimed_until=None
    )


def _later(notification: Notification, reason: str) -> None:
    pause = min(FIRST * 2**notification.tries, LONGEST)
    due_at = timezone.now() + pause
    WAITING.filter(pk=notification.pk).update(
        tries=notification.tries + 1,
        reason=reason[:1000],
        due_at=due_at,
        attempt=1,
        claimed_until=None,
    )


def prune() -> None:
    Notification.objects.exclude(state=State.WAITING).filter(created_at__lt=timezone.now() - KEPT).delete()
