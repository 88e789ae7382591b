"""The task whose only purpose is to go round."""

from celery import shared_task
from django.utils import timezone

from .models import Heartbeat


@shared_task
def beat() -> None:
    Heartbeat.objects.update_or_create(pk=Heartbeat.ONLY, defaults={"at": timezone.now()})
