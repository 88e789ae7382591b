"""What a person wants of an application's maintenance. One transaction and an event."""

from typing import Any

from django.utils import timezone

from ..accounts.models import User
from ..applications.editing import MovedError
from ..applications.models import Application, Event
from ..deployments.actions import RefusedError
from . import provisioning
from .models import Maintenance

SWITCHED = {True: "maintenance switched on", False: "maintenance switched off"}
CHANGED = "maintenance changed"


def change(application: Application, *, by: User | None, seen: str = "", **wanted: Any) -> Maintenance:
    """Write these columns, which a form has checked, and tell the machine.

    ``seen``: what the settings were for the person who changes them (Maintenance.seen), where they were
    shown. Raises RefusedError, and MovedError where another was first.
    """
    with Application.kept(application.pk):
        if Application.objects.filter(pk=application.pk).exclude(terminate_requested_at=None).exists():
            raise RefusedError("This application is terminated: it has no visitors.")
        row, _ = Maintenance.objects.get_or_create(application=application)
        changed = [name for name, value in wanted.items() if getattr(row, name) != value]
        if not changed:
            return row
        if seen and seen != row.seen:
            raise MovedError({name: getattr(row, name) for name in changed})
        for name in changed:
            setattr(row, name, wanted[name])
        if "is_on" in changed:
            row.since, row.switched_by = (timezone.now() if row.is_on else None), by
        row.revision, row.failures = row.revision + 1, 0
        row.due_at = timezone.now() + provisioning.SOON
        row.save()
        _record(row, changed, by=by)
        provisioning.tell(row, by=by)
    return row


def _record(row: Maintenance, changed: list[str], *, by: User | None) -> None:
    others = [name for name in changed if name != "is_on"]
    told = [(SWITCHED[row.is_on], "")] if "is_on" in changed else []
    told += [(CHANGED, ", ".join(others))] if others else []
    for verb, detail in told:
        Event.objects.create(application_id=row.pk, actor=by, subject="application", verb=verb, detail=detail)
