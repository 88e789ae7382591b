"""Short tasks, safe to run twice at once; messages carry ids alone."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from ..wakeups import wake_all
from . import provisioning


@shared_task
def look_at_all() -> None:
    """Machines that have not confirmed what is wanted are told again."""
    wake_all(look, provisioning.due(timezone.now()))


@shared_task
def look(pk: str) -> None:
    provisioning.look(UUID(pk))
