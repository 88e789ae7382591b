"""What a worker does with a change of a machine: one idempotent piece of work, and the time of the next."""

import logging
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from .. import claims
from ..aws.errors import AWSError
from ..deployments import health, releases
from ..deployments.parameters import check_token
from ..instances import addresses, power
from ..instances.states import InstanceState
from .models import Change
from .states import UNFINISHED, ChangeState

logger = logging.getLogger(__name__)

_SOON = timedelta(seconds=1)
_AGAIN = timedelta(seconds=2)
#: The site goes on answering for a moment after AWS has taken a reboot; one so short was not seen.
_UNSEEN = timedelta(seconds=45)
_GONE = {InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED, InstanceState.FAILED}
_BEYOND = "The AWS account's limit does not allow a {type} at the moment."
_NO_ROOM = "AWS has no {type} free in this zone at the moment."


def advance(pk: UUID, *, only_if_due: bool = False) -> timedelta | None:
    """Do the next piece of work on it; when to look again, or None."""
    rows = Change.objects.filter(state__in=UNFINISHED)
    related = ("instance__application", "application")
    return claims.advance(rows, pk, _work, only_if_due=only_if_due, related=related, logger=logger)


def _work(change: Change) -> timedelta | None:
    if change.attempt > claims.ATTEMPTS:
        return _fail(change, f"{claims.ATTEMPTS} workers ended while they worked on it.")
    if change.instance.state in _GONE:
        return _fail(change, f"The instance is {change.instance.get_state_display()}.")
    if change.deadline < timezone.now():
        return _fail(change, f"It did not end in time. {change.refusal} {change.note}".strip())
    try:
        return _STEPS[Change.Kind(change.kind)](change)
    except AWSError as error:
        if error.retryable:
            return _tell(change, error.person)
        logger.error("change %s: %s", change.pk, error.operator)
        return _fail(change, error.person)


def _stop(change: Change) -> timedelta | None:
    if change.instance.state == InstanceState.STOPPED:
        return _succeed(change)
    if change.instance.state == InstanceState.RUNNING:
        power.stop(change.instance)
    return _tell(change, "The machine shuts down.")


def _start(change: Change) -> timedelta | None:
    if change.instance.state == InstanceState.RUNNING:
        return _site_is_up(change)
    if change.instance.state == InstanceState.STOPPED:
        try:
            power.start(change.instance)
        except AWSError as error:
            if error.kind != "capacity":
                raise
            room = _NO_ROOM.format(type=change.instance.instance_type)
            return _fail(change, f"{room} Start it later, or resize it to another type.")
    return _tell(change, "The machine boots.")


def _reboot(change: Change) -> timedelta | None:
    if change.sent_at is None:
        power.reboot(change.instance)
        change.sent_at = timezone.now()
        change.save(update_fields=["sent_at"])
        return _SOON
    if not change.away and change.sent_at > timezone.now() - _UNSEEN:
        change.away = not _ask(change).is_live
        change.save(update_fields=["away"])
        return _tell(change, "The machine shuts down.", pause=_SOON)
    return _site_is_up(change)


def _resize(change: Change) -> timedelta | None:
    """Stopped, given its type, started; where AWS has none of that type free, back to the one that it had."""
    state = change.instance.state
    if change.sent_at is None:
        return _give_type(change) if state == InstanceState.STOPPED else _stop(change)
    if not change.restarts:
        return _fail(change, change.refusal) if change.refusal else _succeed(change)
    if state == InstanceState.RUNNING:
        return _site_is_up(change)
    if state == InstanceState.STOPPED:
        return _start_resized(change)
    return _tell(change, f"The machine boots as {change.wanted_type}.")


def _give_type(change: Change) -> timedelta | None:
    try:
        power.set_type(change.instance, change.wanted_type)
    except AWSError as error:
        if error.retryable or change.refusal:
            raise
        return _go_back(change, error.person)
    change.sent_at = timezone.now()
    change.save(update_fields=["sent_at"])
    return _SOON


def _start_resized(change: Change) -> timedelta | None:
    try:
        power.start(change.instance)
    except AWSError as error:
        if error.retryable and error.kind != "limit":
            raise
        if change.refusal:
            # Its own type has been given away meanwhile; one may come free until the deadline.
            return _tell(change, _NO_ROOM.format(type=change.from_type), pause=claims.AFTER_ERROR)
        why = {"capacity": _NO_ROOM, "limit": _BEYOND}.get(error.kind, error.person)
        return _go_back(change, why.format(type=change.to_type))
    return _SOON


def _go_back(change: Change, refusal: str) -> timedelta:
    change.refusal, change.sent_at = refusal, None
    change.save(update_fields=["refusal", "sent_at"])
    return _SOON


def _site_is_up(change: Change) -> timedelta | None:
    """The machine runs: its address leads to it, and what was live answers again."""
    if not addresses.point(change.instance):
        return _SOON
    found = _ask(change)
    if not found.is_live:
        return _tell(change, found.reason)
    if change.refusal:
        return _fail(change, f"{change.refusal} The machine is a {change.from_type} again, and runs.")
    return _succeed(change)


def _ask(change: Change) -> health.Health:
    """Of a machine on which nothing is live yet there is nothing to ask."""
    live = releases.live(change.application)
    if live is None or live.instance_id != change.instance_id:
        return health.Health()
    address = change.instance.public_ip
    if not address:
        return health.Health("address-unreachable", "The machine has no public address yet.")
    return health.ask(address, change.application.health_path, check=check_token(live))


def _tell(change: Change, note: str, *, pause: timedelta = _AGAIN) -> timedelta:
    if change.note != note:
        Change.objects.filter(pk=change.pk).update(note=note, revision=change.revision + 1)
    return pause


def _succeed(change: Change) -> timedelta | None:
    with transaction.atomic():
        change.move(ChangeState.SUCCEEDED, note="", finished_at=timezone.now(), due_at=None)
    return None


def _fail(change: Change, reason: str) -> timedelta | None:
    with transaction.atomic():
        moved = change.move(
            ChangeState.FAILED, detail=reason, reason=reason, note="", finished_at=timezone.now(), due_at=None
        )
        if moved and change.kind in (Change.Kind.STOP, Change.Kind.RESIZE):
            power.forget_stop(change.instance)
    return None


_STEPS: dict[Change.Kind, Callable[[Change], timedelta | None]] = {
    Change.Kind.STOP: _stop,
    Change.Kind.START: _start,
    Change.Kind.REBOOT: _reboot,
    Change.Kind.RESIZE: _resize,
}
