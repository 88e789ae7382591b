"""Writing down what a machine is to do. A worker sends it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from ..accounts.models import User
from ..instances.models import Instance
from ..wakeups import wake_command
from .models import Command

#: For AWS to take it and the machine to fetch it, beside the time that it may run.
DELIVERY = timedelta(minutes=3)
#: A page asks every second; a browser that hides it, less often. Written at most every ten seconds.
WANTED = timedelta(seconds=30)
_RENEWED = timedelta(seconds=20)
#: What somebody has turned away from goes on for so long: who else looks at it asks within that time.
LEFT = timedelta(seconds=5)


def put(
    instance: Instance,
    action: Command.Action,
    arguments: Mapping[str, Any],
    *,
    by: User | None = None,
    seconds: int = 60,
    while_wanted: bool = False,
) -> Command:
    """Queue a command in the caller's transaction.

    ``while_wanted``: it ends once nobody has asked for it for ``WANTED``; see ``want``.
    """
    now = timezone.now()
    command = Command.objects.create(
        application_id=instance.application_id,
        instance=instance,
        action=action,
        arguments=dict(arguments),
        created_by=by,
        seconds=seconds,
        due_at=now,
        deadline=now + DELIVERY + timedelta(seconds=seconds),
        wanted_until=now + WANTED if while_wanted else None,
    )
    wake_command(command.pk)
    return command


def want(command: Command) -> None:
    """Somebody looks at it. At most one query."""
    now = timezone.now()
    if command.wanted_until and not command.is_final and command.wanted_until < now + _RENEWED:
        command.wanted_until = now + WANTED
        Command.objects.filter(pk=command.pk).update(wanted_until=command.wanted_until)


def leave(command: Command | None) -> None:
    """Somebody has turned away from it. At most one query."""
    if command is not None and command.wanted_until and not command.is_final:
        Command.objects.filter(pk=command.pk).update(wanted_until=timezone.now() + LEFT)
