"""Short tasks, safe to run twice at once; messages carry ids alone."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from .. import claims
from ..wakeups import look_again, wake_all
from . import provisioning
from .models import Change
from .states import UNFINISHED


@shared_task
def advance(pk: str, *, only_if_due: bool = False) -> None:
    """One piece of work on a change, and a message for the next one."""
    look_again(advance, pk, provisioning.advance(UUID(pk), only_if_due=only_if_due))


@shared_task
def advance_all() -> None:
    """Wake every change that is due: what a lost message left undone."""
    unfinished = Change.objects.filter(state__in=UNFINISHED)
    wake_all(advance, claims.due(unfinished, timezone.now()), only_if_due=True)
