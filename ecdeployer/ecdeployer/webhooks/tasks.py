"""Short tasks, safe to run twice at once; messages carry ids alone."""

from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from . import deliveries, heads

#: Repositories that one beat sends workers to: what is left comes with the next.
BATCH = 50


@shared_task
def settle(pk: str) -> None:
    """Deploy what was pushed to an application, and look once more for what came meanwhile."""
    pause = deliveries.settle(UUID(pk))
    if pause is not None:
        settle.apply_async((pk,), countdown=pause.total_seconds(), expires=30)


@shared_task
def settle_all() -> None:
    for pk in deliveries.waiting():
        settle.apply_async((str(pk),), expires=10)


@shared_task
def ask_for_heads() -> None:
    if settings.PUSH_POLL_SECONDS:
        for pk in heads.due(timezone.now()).values_list("pk", flat=True)[:BATCH]:
            ask_for_head.apply_async((str(pk),), expires=30)


@shared_task
def ask_for_head(pk: str) -> None:
    heads.ask(UUID(pk))


@shared_task
def prune() -> None:
    deliveries.prune()
