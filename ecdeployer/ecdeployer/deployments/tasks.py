"""Short tasks, safe to run twice at once; messages carry ids alone."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from .. import claims
from ..instances import launch_queue
from ..wakeups import look_again, wake_all
from . import provisioning
from .models import Deployment
from .states import UNFINISHED


@shared_task
def advance(pk: str, *, only_if_due: bool = False) -> None:
    """One piece of work on a deployment, and a message for the next one."""
    look_again(advance, pk, provisioning.advance(UUID(pk), only_if_due=only_if_due))


@shared_task
def advance_all() -> None:
    """Give turns to launch, and wake every deployment that is due: what a lost message left undone."""
    launch_queue.give_turns()
    unfinished = Deployment.objects.filter(state__in=UNFINISHED)
    wake_all(advance, claims.due(unfinished, timezone.now()), only_if_due=True)
