"""Changing what was said when an application was registered. It goes live with the next deployment."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from ..accounts.models import User
from ..deployments.actions import RefusedError
from ..deployments.states import UNFINISHED
from ..webhooks.models import Webhook
from .models import Application, Event

#: What a deployment reads at more than one of its steps.
_HELD = {"github_url": "repository URL", "health_path": "health path"}
#: What says nothing to a site before it is deployed again.
AT_NEXT = frozenset({"github_url", "branch", "health_path", "confirm_migrations"})
#: What is too long for the history, or says nothing there.
_LONG = ("description",)


class MovedError(RefusedError):
    """Somebody else has changed the same fields; ``values`` are what they are by now."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(f"Somebody else has changed {', '.join(values)} meanwhile. Look again.")
        self.values = values


def edit(
    application: Application, *, by: User | None, changes: Mapping[str, Any], seen: Mapping[str, Any]
) -> list[str]:
    """Write these fields, which a form has checked, and no others; the names of those that changed.

    ``seen``: what they were for the person who changes them. Raises RefusedError, MovedError where another
    was first, and IntegrityError when the owner has the name already.
    """
    with Application.kept(application.pk):
        current = Application.objects.get(pk=application.pk)
        if current.terminate_requested_at:
            raise RefusedError("This application is terminated. Make a new one to deploy again.")
        before = {name: getattr(current, name) for name in changes}
        changed = [name for name in changes if before[name] != changes[name]]
        moved = {name: before[name] for name in changed if before[name] != seen[name]}
        if moved:
            raise MovedError(moved)
        _refuse_while_busy(current, changed)
        Application.objects.filter(pk=current.pk).update(**{name: changes[name] for name in changed})
        if {"github_url", "branch"}.intersection(changed):
            _look_anew(current, repository="github_url" in changed)
        if changed:
            detail = "; ".join(_describe(name, before[name], changes[name]) for name in changed)
            Event.objects.create(
                application=current, actor=by, subject="application", verb="edited", detail=detail
            )
    application.refresh_from_db()
    return changed


def _refuse_while_busy(application: Application, changed: list[str]) -> None:
    held = [words for name, words in _HELD.items() if name in changed]
    unfinished = application.deployments.filter(state__in=UNFINISHED).order_by("number").first()
    if held and unfinished:
        raise RefusedError(
            f"Deployment {unfinished.number} is not finished and reads the {' and the '.join(held)}. Wait "
            "for its end, or cancel it."
        )


def _look_anew(application: Application, *, repository: bool) -> None:
    """What was known of the repository is not true of another one, nor of another branch."""
    fresh: dict[str, Any] = {"head": "", "failures": 0, "trouble": "", "due_at": timezone.now()}
    Webhook.objects.filter(pk=application.pk).update(**fresh, **({"repository_id": ""} if repository else {}))


def _describe(name: str, before: Any, after: Any) -> str:
    if name in _LONG:
        return name
    return f"{name}: {_show(before)} -> {_show(after)}"


def _show(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value) or "(empty)"
