"""Short tasks, safe to run twice at once; messages carry ids alone."""

import logging
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from ..aws.errors import AWSError
from . import collecting, looking, thinning

logger = logging.getLogger(__name__)


@shared_task
def collect() -> None:
    """Ask the machines that are due, and read what others have answered."""
    try:
        collecting.collect()
    except AWSError as error:
        logger.warning("figures: %s", error.operator)


@shared_task
def look_at_sites() -> None:
    """Send workers to the sites that are due."""
    due = looking.take_due(timezone.now())
    for begin in range(0, len(due), looking.BATCH):
        batch = [str(pk) for pk in due[begin : begin + looking.BATCH]]
        look_at.apply_async((batch,), expires=50)


@shared_task
def look_at(pks: list[str]) -> None:
    looking.look_at(UUID(pk) for pk in pks)


@shared_task
def thin() -> None:
    thinning.thin(timezone.now())
