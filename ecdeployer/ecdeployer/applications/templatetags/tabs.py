"""The pages of one application, as tabs; those of its settings stand in a row of their own."""

from dataclasses import dataclass
from typing import Any

from django import template
from django.urls import reverse

from ..models import Application

register = template.Library()


@dataclass(frozen=True)
class Tab:
    """``also``: other views that show the same page; one that ends with a colon is a whole namespace."""

    label: str
    view: str
    also: tuple[str, ...] = ()

    def holds(self, view: str) -> bool:
        return view in (self.view, *self.also) or any(
            name.endswith(":") and view.startswith(name) for name in self.also
        )


SETTINGS = (
    Tab("General", "applications:general"),
    Tab("Repository", "applications:repository"),
    Tab("Push to deploy", "webhooks:push", ("webhooks:delivery",)),
    Tab("Maintenance", "maintenance:page", ("maintenance:",)),
    Tab("Alerts", "alerts:show", ("alerts:token",)),
)
TABS = (
    Tab("Overview", "applications:detail", ("applications:answer", "applications:live")),
    Tab("Deployments", "applications:deployments"),
    Tab("Logs", "logs:show", ("logs:",)),
    Tab("Figures", "figures:show"),
    Tab("Processes", "processes:list", ("processes:", "schedules:")),
    Tab("Commands", "commands:list", ("commands:",)),
    Tab(
        "Environment",
        "applications:environment",
        ("applications:change-variable", "applications:import-variables", "applications:confirm-import"),
    ),
    Tab("Machine", "machines:machine", ("machines:",)),
    Tab("Settings", SETTINGS[0].view, tuple(name for each in SETTINGS for name in (each.view, *each.also))),
    Tab("Activity", "applications:events"),
)


@register.inclusion_tag("applications/_tabs.html", takes_context=True)
def tabs(context: dict[str, Any], application: Application) -> dict[str, Any]:
    here = context["request"].resolver_match.view_name
    in_settings = any(tab.holds(here) for tab in SETTINGS)
    return {
        "application": application,
        "rows": [
            _row(TABS, application, here),
            *([_row(SETTINGS, application, here)] if in_settings else []),
        ],
    }


def _row(row: tuple[Tab, ...], application: Application, here: str) -> list[tuple[str, str, bool]]:
    return [(tab.label, reverse(tab.view, args=[application.pk]), tab.holds(here)) for tab in row]
