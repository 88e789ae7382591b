"""Writing down what is to be told. A worker sends it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from ..wakeups import wake_notification
from .models import AlertSettings, Notification

Channel = Notification.Channel
#: After that nobody wants to know any more.
PATIENCE = timedelta(hours=6)


def tell(
    rules: AlertSettings, *, key: str, subject: str, text: str, tone: str, path: str
) -> list[Notification]:
    """Through each channel that the owner has chosen, in the caller's transaction. Nothing is told twice.

    ``tone`` is good, warn or bad; ``path`` is the page that says more.
    """
    payload = {"tone": tone, "link": f"{settings.PORTAL_URL}{path}"}
    channels = []
    if rules.email and settings.SENDS_EMAIL:
        channels.append(Channel.EMAIL)
    if rules.webhook_url:
        channels.append(Channel.WEBHOOK)
    return [
        put(rules.application_id, channel, key=key, subject=subject, text=text, payload=payload)
        for channel in channels
    ]


def put(
    application_id: UUID, channel: str, *, key: str, subject: str, text: str = "", payload: dict[str, Any]
) -> Notification:
    now = timezone.now()
    notification, made = Notification.objects.get_or_create(
        application_id=application_id,
        channel=channel,
        key=key,
        defaults={
            "subject": " ".join(subject.split())[:300],
            "text": text,
            "payload": payload,
            "due_at": now,
            "deadline": now + PATIENCE,
        },
    )
    if made:
        wake_notification(notification.pk)
    return notification
