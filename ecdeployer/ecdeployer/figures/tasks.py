"""Short tasks, safe to run twice at once; messages carry ids alone."""

import logging

from celery import shared_task
from django.utils import timezone

from ..aws.errors import AWSError
from . import collecting, thinning

logger = logging.getLogger(__name__)


@shared_task
def collect() -> None:
    """Ask the machines that are due, and read what others have answered."""
    try:
        collecting.collect()
    except AWSError as error:
        logger.warning("figures: %s", error.operator)


@shared_task
def thin() -> None:
    thinning.thin(timezone.now())
