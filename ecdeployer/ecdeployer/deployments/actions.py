"""What can be refused, and calling deployments off."""

from collections.abc import Iterable

from ..applications.models import Application
from . import endings
from .models import Deployment
from .states import UNFINISHED


class RefusedError(Exception):
    """What was asked for cannot be done now; the text says why, for the person."""


def unfinished(application: Application) -> list[Deployment]:
    """What waits and what runs, locked."""
    rows = application.deployments.select_for_update().filter(state__in=UNFINISHED)
    return list(rows.order_by("-number"))


def cancel_all(found: Iterable[Deployment], *, reason: str) -> list[Deployment]:
    """Those that had not ended. A machine is told to stop as soon as it reports."""
    return [each for each in found if endings.cancel(each, reason=reason)]
