"""What a person asks for about pushes. Each is one transaction and an event."""

from datetime import datetime
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from ..accounts.models import User
from ..applications.actions import RefusedError
from ..applications.models import Application, Event
from ..wakeups import wake_pushes
from .models import Delivery, Webhook, make_secret
from .payloads import Event as Told
from .receiving import columns_of, facts_of
from .registered import find
from .rules import judge
from .senders import Sender


def rotate_secret(application: Application, *, by: User) -> str:
    """A new secret; what is signed with the old one is refused from now on."""
    secret = make_secret()
    with transaction.atomic():
        row = Webhook.objects.select_for_update().get(pk=application.pk)
        row.secret, row.secret_at = secret, timezone.now()
        row.save(update_fields=["secret", "secret_at"])
        _record(application, by=by, verb="webhook secret replaced")
    return secret


def switch(application: Application, *, by: User, is_on: bool) -> bool:
    """Deploy on push, on or off. Whether that changed anything."""
    with transaction.atomic():
        other = Application.objects.filter(pk=application.pk, deploy_on_push=not is_on)
        changed = bool(other.update(deploy_on_push=is_on))
        if changed:
            _record(application, by=by, verb=f"deploy on push switched {'on' if is_on else 'off'}")
    return changed


def redeliver(delivery: Delivery, *, by: User) -> Delivery:
    """Take it in as if it came now: its commit is deployed, though it be live already.

    Raises RefusedError, whose text is for the person, where it would not be deployed today either.
    """
    if not delivery.can_be_redelivered:
        raise RefusedError("This delivery names no commit of a branch: there is nothing to deploy.")
    now = timezone.now()
    webhook, told = find(delivery.application_id), _told(delivery)
    if webhook is None:
        raise RefusedError("The application is gone.")
    verdict = judge(told, facts_of(webhook, told, asked=True), now=now)
    if verdict.outcome != Delivery.Outcome.WAITING:
        raise RefusedError(verdict.reason)
    return _take_in(delivery, told, by=by, now=now)


def _take_in(delivery: Delivery, told: Told, *, by: User, now: datetime) -> Delivery:
    with transaction.atomic():
        anew = Delivery.objects.create(
            **columns_of(told) | {"pushed_at": now},
            application_id=delivery.application_id,
            headers=delivery.headers,
            body=delivery.body,
            size=delivery.size,
            outcome=Delivery.Outcome.WAITING,
            asked_by=by,
        )
        _record(delivery.application, by=by, verb="push delivered again", detail=delivery.commit[:12])
        wake_pushes(delivery.application_id)
    return anew


def _told(delivery: Delivery) -> Told:
    """What it said, under an identifier of its own."""
    return Told(
        sender=Sender(delivery.sender),
        name=delivery.event,
        identifier=str(uuid4()),
        digest="",
        ref=delivery.ref,
        commit=delivery.commit,
        is_forced=delivery.is_forced,
        pusher=delivery.pusher,
        message=delivery.message,
        repository=delivery.repository,
    )


def _record(application: Application, *, by: User, verb: str, detail: str = "") -> None:
    Event.objects.create(application=application, actor=by, subject="application", verb=verb, detail=detail)
