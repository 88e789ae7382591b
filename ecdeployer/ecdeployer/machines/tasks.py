"""Short tasks, safe to run twice at once; messages carry ids alone."""

from datetime import timedelta
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from .. import claims
from . import provisioning
from .models import Change
from .states import UNFINISHED

SHORT = timedelta(seconds=2)
BATCH = 200


@shared_task
def advance(pk: str, *, only_if_due: bool = False) -> None:
    """One piece of work on a change, and a message for the next one."""
    pause = provisioning.advance(UUID(pk), only_if_due=only_if_due)
    if pause is not None and pause <= SHORT:
        advance.apply_async((pk,), {"only_if_due": True}, countdown=pause.total_seconds())


@shared_task
def advance_all() -> None:
    """Wake every change that is due: what a lost message left undone."""
    unfinished = Change.objects.filter(state__in=UNFINISHED)
    for pk in claims.due(unfinished, timezone.now()).values_list("pk", flat=True)[:BATCH]:
        advance.apply_async((str(pk),), {"only_if_due": True}, expires=10)
