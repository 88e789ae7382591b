"""Short tasks, safe to run twice at once; messages carry ids alone."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from . import provisioning

BATCH = 200


@shared_task
def look_at_all() -> None:
    """Machines that have not confirmed what is wanted are told again."""
    for pk in provisioning.due(timezone.now()).values_list("pk", flat=True)[:BATCH]:
        look.apply_async((str(pk),), expires=10)


@shared_task
def look(pk: str) -> None:
    provisioning.look(UUID(pk))
