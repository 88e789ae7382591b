"""Short tasks, safe to run twice at once; messages carry ids alone."""

from datetime import timedelta
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from ..instances import launch_queue
from . import claims, provisioning

#: A longer pause is left to beat.
SHORT = timedelta(seconds=2)
#: Wake-ups for one beat: what is left comes with the next.
BATCH = 200


@shared_task
def advance(pk: str, *, only_if_due: bool = False) -> None:
    """One piece of work on a deployment, and a message for the next one."""
    pause = provisioning.advance(UUID(pk), only_if_due=only_if_due)
    if pause is not None and pause <= SHORT:
        advance.apply_async((pk,), {"only_if_due": True}, countdown=pause.total_seconds())


@shared_task
def advance_all() -> None:
    """Give turns to launch, and wake every deployment that is due: what a lost message left undone."""
    launch_queue.give_turns()
    for pk in claims.due(timezone.now()).values_list("pk", flat=True)[:BATCH]:
        advance.apply_async((str(pk),), {"only_if_due": True}, expires=10)
