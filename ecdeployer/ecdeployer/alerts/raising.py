"""Alerts begin and end, each with a message: not with one for each time of what comes and goes."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.urls import reverse

from ..applications.models import Application
from . import outbox
from .models import Alert, AlertSettings

#: Messages of one rule in an hour; what begins after that is told when it has lasted a while.
IN_AN_HOUR = 3
LASTS = timedelta(minutes=15)
HOUR = timedelta(hours=1)
KEPT = timedelta(days=90)


def begin(application_id: UUID, rule: Alert.Rule, *, detail: str, since: datetime) -> None:
    """Any number of times; in the caller's transaction or in one of its own."""
    with transaction.atomic():
        alert, made = Alert.objects.get_or_create(
            application_id=application_id,
            rule=rule,
            until=None,
            defaults={"since": since, "detail": detail[:300]},
        )
        if made and not _comes_and_goes(alert):
            _tell(alert)


def end(application_id: UUID, rule: Alert.Rule, *, detail: str, now: datetime) -> None:
    """Told where its beginning was."""
    with transaction.atomic():
        open_alerts = Alert.objects.filter(application_id=application_id, rule=rule, until=None)
        alert = open_alerts.first()
        if alert is None or not open_alerts.filter(pk=alert.pk).update(until=now):
            return
        alert.until = now
        if alert.told:
            _tell_end(alert, detail)


def tell_late(now: datetime) -> None:
    """Of what came and went, and stays by now."""
    for alert in Alert.objects.filter(until=None, told=False, since__lte=now - LASTS):
        if alert.until is None and _wants(AlertSettings.of(alert.application_id), alert.rule):
            with transaction.atomic():
                _tell(alert)


def _comes_and_goes(alert: Alert) -> bool:
    before = Alert.objects.filter(
        application_id=alert.application_id, rule=alert.rule, told=True, since__gt=alert.since - HOUR
    )
    return before.count() >= IN_AN_HOUR


def _wants(rules: AlertSettings, rule: str) -> bool:
    """Those with a limit would not have begun without it."""
    return rules.down if rule == Alert.Rule.DOWN else True


def _tell(alert: Alert) -> None:
    rules = AlertSettings.of(alert.application_id)
    if not _wants(rules, alert.rule):
        return
    Alert.objects.filter(pk=alert.pk).update(told=True)
    again = (
        "\nIt comes and goes: what follows within the hour is told when it lasts." if _is_last(alert) else ""
    )
    outbox.tell(
        rules,
        key=f"alert {alert.pk} begins",
        subject=f"{alert.get_rule_display()}: {_name(alert)}",
        text=f"{alert.detail}\nSince {alert.since:%H:%M} UTC.{again}",
        tone="bad",
        path=reverse("figures:show", args=[alert.application_id]),
    )


def _is_last(alert: Alert) -> bool:
    before = Alert.objects.filter(
        application_id=alert.application_id, rule=alert.rule, told=True, since__gt=alert.since - HOUR
    )
    return before.count() >= IN_AN_HOUR


def _tell_end(alert: Alert, detail: str) -> None:
    until = alert.until or alert.since
    minutes = max(1, round((until - alert.since).total_seconds() / 60))
    outbox.tell(
        AlertSettings.of(alert.application_id),
        key=f"alert {alert.pk} ends",
        subject=f"Over: {alert.get_rule_display().lower()}: {_name(alert)}",
        text=f"{detail}\nIt lasted {minutes} minute{'s' if minutes > 1 else ''}.",
        tone="good",
        path=reverse("figures:show", args=[alert.application_id]),
    )


def _name(alert: Alert) -> str:
    return Application.objects.values_list("name", flat=True).get(pk=alert.application_id)
