"""Short tasks, safe to run twice at once; messages carry ids alone."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from .. import claims
from ..wakeups import wake_all
from . import raising, sending


@shared_task
def send(pk: str) -> None:
    sending.send(UUID(pk))


@shared_task
def send_all() -> None:
    """Wake what waits: what a lost message left, and what is tried again."""
    wake_all(send, claims.due(sending.WAITING.all(), timezone.now()))


@shared_task
def tell_late() -> None:
    raising.tell_late(timezone.now())


@shared_task
def prune() -> None:
    sending.prune()
