"""Which worker has a deployment."""

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from .. import claims
from ..claims import ATTEMPTS, CLAIM, RENEWALS, kept, release, renew
from .models import Deployment
from .states import DeploymentState

__all__ = ["ATTEMPTS", "CLAIM", "RENEWALS", "UNFINISHED", "due", "kept", "release", "renew", "take"]

UNFINISHED = (DeploymentState.QUEUED, DeploymentState.RUNNING)


def due(now: datetime) -> QuerySet[Deployment]:
    """What somebody should look at, the longest waiting first."""
    return claims.due(Deployment.objects.filter(state__in=UNFINISHED), now)


def take(pk: UUID, *, only_if_due: bool) -> Deployment | None:
    """The deployment with its application and instance, held until ``claimed_until``, or None."""
    if not claims.take(Deployment.objects.filter(state__in=UNFINISHED), pk, only_if_due=only_if_due):
        return None
    return Deployment.objects.select_related("application", "instance", "rolls_back_to").get(pk=pk)
