"""Back to the release that the records call live, from one that is served and the portal did not find."""

from uuid import UUID

from ..applications.models import Application
from . import queueing, releases
from .models import Deployment
from .states import UNFINISHED


def settle(application: Application) -> None:
    """Two queries where there is nothing to return from."""
    live = releases.live(application)
    if live is not None and releases.unfound(live) is not None:
        with Application.kept(application.pk):
            bring_back(application.pk)


def bring_back(pk: UUID) -> None:
    """In the caller's transaction, which holds the application. Once: a return that is not found is the last.

    What waits takes its place itself, and is followed by this where it does not come to serve.
    """
    application = Application.objects.get(pk=pk)
    if application.terminate_requested_at or application.deployments.filter(state__in=UNFINISHED).exists():
        return
    live = releases.live(application)
    unfound = releases.unfound(live) if live is not None else None
    if live is None or unfound is None:
        return
    portal = Deployment.Trigger.PORTAL
    if not application.deployments.filter(trigger=portal, number__gt=unfound.number).exists():
        queueing.queue_rollback(live.rolls_back_to or live, by=None, trigger=portal)
