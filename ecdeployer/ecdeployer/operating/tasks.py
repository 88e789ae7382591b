"""Tasks that tell how the portal itself does."""

import logging

from celery import shared_task
from django.utils import timezone

from ..aws.errors import AWSError
from . import ages
from .models import Heartbeat

logger = logging.getLogger(__name__)


@shared_task
def beat() -> None:
    """The task whose only purpose is to go round."""
    Heartbeat.objects.update_or_create(pk=Heartbeat.ONLY, defaults={"at": timezone.now()})


@shared_task
def publish_ages() -> None:
    """What AWS refuses is missing there, and a missing figure raises the alarm."""
    try:
        ages.publish()
    except AWSError as error:
        logger.warning("ages for CloudWatch: %s", error.operator)
