"""Whose turn it is to call RunInstances: one bucket for the whole portal, shared fairly by the owners.

EC2 answers RequestLimitExceeded to more than 2 calls a second after a burst of 5:
https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
"""

import logging
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from ..wakeups import wake_deployment
from .models import Instance, LaunchAttempt, LaunchQueue
from .states import InstanceState

logger = logging.getLogger(__name__)

RATE, BURST = 2.0, 5.0
#: A turn that was not taken by then is given to another: its worker has died, or its deployment has ended.
_TURN = timedelta(seconds=60)
#: Launches of an owner within this time count as places before the owner's next.
_RECENT = timedelta(minutes=1)
_UNFINISHED = ("queued", "running")
_LONGEST_LOOK = 30.0


@dataclass(frozen=True)
class Wait:
    """It is not this instance's turn: why, for the person, and seconds until it is worth asking again."""

    reason: str
    retry_in: float


def ask(instance: Instance) -> Wait | None:
    """Take a turn to call RunInstances; None: now. Any number of workers may ask at once."""
    if _take_turn(instance):
        return None
    Instance.objects.filter(pk=instance.pk, launch_asked_at=None).update(launch_asked_at=timezone.now())
    give_turns()
    if _take_turn(instance):
        return None
    queue = LaunchQueue.objects.get(pk=LaunchQueue.ONLY)
    if queue.held_until and queue.held_until > timezone.now():
        return Wait(queue.held_reason, (queue.held_until - timezone.now()).total_seconds() + 1)
    place = next((number for number, pk in enumerate(_in_order(), 1) if pk == instance.pk), 1)
    return Wait(f"Waiting for a place: number {place} in the queue.", min(place / RATE, _LONGEST_LOOK))


def give_turns() -> int:
    """As many turns as the bucket holds, to those who come next; how many."""
    if not _waiting().exists():
        return 0
    with transaction.atomic():
        queue, now = LaunchQueue.lock(), timezone.now()
        filled = min(BURST, queue.tokens + (now - queue.counted_at).total_seconds() * RATE)
        held = queue.held_until is not None and queue.held_until > now
        chosen = [] if held else _in_order()[: int(filled)]
        Instance.objects.filter(pk__in=chosen).update(launch_granted_at=now)
        queue.tokens, queue.counted_at = max(filled - len(chosen), 0.0), now
        queue.save(update_fields=["tokens", "counted_at"])
        _wake(chosen)
    return len(chosen)


def slow_down() -> None:
    """EC2 counts more calls than we do: others use the account too."""
    LaunchQueue.objects.filter(pk=LaunchQueue.ONLY).update(tokens=0.0, counted_at=timezone.now())


def hold(seconds: float, reason: str) -> None:
    """Nobody's launch can succeed for now. ``reason`` is shown to those who wait."""
    until = timezone.now() + timedelta(seconds=seconds)
    LaunchQueue.objects.filter(pk=LaunchQueue.ONLY).update(held_until=until, held_reason=reason)
    logger.error("launches are held for %.0f s: %s", seconds, reason)


def _take_turn(instance: Instance) -> bool:
    given = Instance.objects.filter(pk=instance.pk, launch_granted_at__gt=timezone.now() - _TURN)
    return bool(given.update(launch_asked_at=None, launch_granted_at=None))


def _waiting() -> QuerySet[Instance]:
    free = Q(launch_granted_at=None) | Q(launch_granted_at__lte=timezone.now() - _TURN)
    launching = (InstanceState.REQUESTED, InstanceState.LAUNCHING)
    return Instance.objects.filter(free, launch_asked_at__isnull=False, state__in=launching)


def _in_order() -> list[UUID]:
    """The longest waiting of each owner first, then the second of each; recent launches of an owner count."""
    recent = LaunchAttempt.objects.filter(created_at__gt=timezone.now() - _RECENT)
    had = Counter(recent.values_list("instance__application__owner_id", flat=True))
    waiting = _waiting().order_by("launch_asked_at")
    places: list[tuple[int, datetime, UUID]] = []
    for pk, owner, asked_at in waiting.values_list("pk", "application__owner_id", "launch_asked_at"):
        if asked_at is not None:
            places.append((had[owner], asked_at, pk))
            had[owner] += 1
    return [pk for _, _, pk in sorted(places)]


def _wake(chosen: list[UUID]) -> None:
    unfinished = Instance.objects.filter(pk__in=chosen, deployments__state__in=_UNFINISHED)
    for pk in unfinished.values_list("deployments__pk", flat=True):
        wake_deployment(pk)
