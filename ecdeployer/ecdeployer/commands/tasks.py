"""Short tasks, safe to run twice at once; messages carry ids alone."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from .. import claims
from ..wakeups import look_again, wake_all
from . import provisioning, pruning
from .models import Command
from .states import UNFINISHED


@shared_task
def advance(pk: str, *, only_if_due: bool = False) -> None:
    """One piece of work on a command, and a message for the next one."""
    look_again(advance, pk, provisioning.advance(UUID(pk), only_if_due=only_if_due))


@shared_task
def advance_all() -> None:
    """Wake every command that is due: what a lost message left undone."""
    unfinished = Command.objects.filter(state__in=UNFINISHED)
    wake_all(advance, claims.due(unfinished, timezone.now()), only_if_due=True)


@shared_task
def prune() -> None:
    pruning.prune()
