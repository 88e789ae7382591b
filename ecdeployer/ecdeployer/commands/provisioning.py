"""What a worker does with a command: one idempotent piece of work, and the time of the next look."""

import logging
from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from .. import claims
from ..aws.errors import AWSError
from ..instances.states import InstanceState
from . import machine, reports
from .models import Command
from .states import UNFINISHED, CommandState

logger = logging.getLogger(__name__)

_SOON = timedelta(seconds=2)
#: A machine that runs a command speaks every five seconds.
SILENCE = timedelta(seconds=15)
_GONE = {
    InstanceState.STOPPING,
    InstanceState.STOPPED,
    InstanceState.SHUTTING_DOWN,
    InstanceState.TERMINATED,
    InstanceState.FAILED,
}


def advance(pk: UUID, *, only_if_due: bool = False) -> timedelta | None:
    """Do the next piece of work on it; when to look again, or None."""
    rows = Command.objects.filter(state__in=UNFINISHED)
    related = ("instance", "application")
    return claims.advance(rows, pk, _work, only_if_due=only_if_due, related=related, logger=logger)


def _work(command: Command) -> timedelta | None:
    if command.attempt > claims.ATTEMPTS:
        return _fail(command, f"{claims.ATTEMPTS} workers ended while they worked on it.")
    if command.instance.state in _GONE:
        return _fail(command, f"The instance is {command.instance.get_state_display()}.")
    if command.deadline < timezone.now():
        return _fail(command, "It did not end in time.")
    if reports.is_let_go(command):
        return None
    try:
        if command.state == CommandState.QUEUED:
            return _send(command)
        return _look(command)
    except AWSError as error:
        if error.retryable:
            return _SOON
        return _fail(command, error.person)


def _send(command: Command) -> timedelta | None:
    if command.instance.state != InstanceState.RUNNING:
        return _SOON
    command_id = machine.send(command)
    command.move(CommandState.RUNNING, command_id=command_id, started_at=timezone.now())
    return SILENCE


def _look(command: Command) -> timedelta | None:
    """It reports by itself; where nothing was heard, AWS has what it printed."""
    heard = command.heard_at or command.started_at or command.created_at
    quiet = timezone.now() - heard
    if quiet < SILENCE:
        return SILENCE - quiet
    outcome = machine.outcome(command)
    if not outcome.finished:
        return timedelta(seconds=5)
    reports.end_with_print(command, outcome)
    return None


def _fail(command: Command, reason: str) -> timedelta | None:
    command.move(CommandState.FAILED, detail=reason, reason=reason, finished_at=timezone.now(), due_at=None)
    return None
