"""What a person asks for about alerts. Each is one transaction and an event; no event holds a secret."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from .. import logs
from ..accounts.models import User
from ..applications.models import Application, Event
from . import channels
from .channels import Result
from .models import AlertSettings, Notification

_PLAIN = ("down", "disk_percent", "errors_percent", "deployments", "email")
#: Each is a request to somewhere else, or a message to somebody.
PAUSE = timedelta(seconds=10)


class RefusedError(Exception):
    """What was asked for cannot be done now; the text says why, for the person."""


def change(
    application: Application, *, by: User | None, webhook_url: str | None = None, **fields: Any
) -> AlertSettings:
    """``webhook_url``: None keeps the one that there is, empty removes it."""
    logs.hide([webhook_url or ""])
    with transaction.atomic():
        rules = _held(application)
        changed = [name for name in _PLAIN if name in fields and getattr(rules, name) != fields[name]]
        for name in changed:
            setattr(rules, name, fields[name])
        if webhook_url is not None and (webhook_url or None) != rules.webhook_url:
            rules.webhook_url = webhook_url or None
            changed.append("webhook")
        if changed:
            rules.changed_by = by
            rules.save()
            _record(application, by=by, verb="alerts changed", detail=", ".join(changed))
    return rules


def set_status_token(application: Application, token: str, *, by: User | None) -> None:
    """An empty one removes what there is. Raises RefusedError for a repository that has no statuses."""
    if token and not channels.repository_of(application):
        raise RefusedError("Commit statuses are for repositories on github.com alone.")
    logs.hide([token])
    with transaction.atomic():
        rules = _held(application)
        if (token or None) != rules.status_token:
            rules.status_token, rules.changed_by = token or None, by
            rules.save()
            verb = "token for commit statuses set" if token else "token for commit statuses removed"
            _record(application, by=by, verb=verb, detail="")


def test(application: Application, channel: str, *, by: User | None) -> Result:
    """Send a message at once, and say what came back. Raises RefusedError."""
    if channel == Notification.Channel.EMAIL and not settings.SENDS_EMAIL:
        raise RefusedError("This portal has no mail server: its operator sets EMAIL_URL.")
    now = timezone.now()
    with transaction.atomic():
        rules = _held(application)
        rested = Q(tested_at=None) | Q(tested_at__lt=now - PAUSE)
        if not AlertSettings.objects.filter(rested, pk=rules.pk).update(tested_at=now):
            raise RefusedError("A message was sent some seconds ago. Wait for ten of them.")
        _record(application, by=by, verb="alert tested", detail=channel)
    link = f"{settings.PORTAL_URL}{application.get_absolute_url()}"
    return channels.send(
        Notification(
            application=application,
            channel=channel,
            subject=f"A test of the alerts of {application.name}",
            text="Somebody pressed the button. All is well.",
            payload={"tone": "good", "link": link},
        )
    )


def _held(application: Application) -> AlertSettings:
    """The row, locked; made of the defaults where there was none."""
    rows = AlertSettings.objects.select_for_update()
    return rows.get_or_create(application_id=application.pk)[0]


def _record(application: Application, *, by: User | None, verb: str, detail: str) -> None:
    Event.objects.create(application=application, actor=by, subject="application", verb=verb, detail=detail)
