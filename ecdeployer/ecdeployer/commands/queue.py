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


def put(
    instance: Instance,
    action: Command.Action,
    arguments: Mapping[str, Any],
    *,
    by: User | None = None,
    seconds: int = 60,
) -> Command:
    """Queue a command in the caller's transaction."""
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
    )
    wake_command(command.pk)
    return command
