"""The releases that a machine keeps, and the one that serves."""

from ..applications.models import Application
from .models import Deployment
from .states import DeploymentState, StepState

#: As many as ``deploy.sh`` leaves, the live one among them.
KEPT = 5


def live(application: Application) -> Deployment | None:
    """What brought the release live that serves now, or would if its machine ran."""
    succeeded = application.deployments.filter(state=DeploymentState.SUCCEEDED)
    return succeeded.select_related("application", "instance", "rolls_back_to").order_by("-number").first()


def unfound(recorded: Deployment) -> Deployment | None:
    """What the machine serves in place of the live release: it has switched, and the portal did not find it.

    ``recorded``: of ``live``. One query.
    """
    switched = Deployment.objects.filter(
        application=recorded.application_id,
        number__gt=recorded.number,
        instance=recorded.instance_id,
        kind__in=Deployment.SWITCHING,
        result__state=StepState.SUCCEEDED,
        state__in=[DeploymentState.FAILED, DeploymentState.CANCELLED],
    )
    newest = switched.select_related("rolls_back_to").order_by("-number").first()
    return newest if newest is not None and newest.release != recorded.release else None


def kept(application: Application) -> list[Deployment]:
    """The deployments whose releases the machine keeps beside the one that serves, the newest first.

    Three queries.
    """
    serving = live(application)
    if serving is None:
        return []
    made = application.deployments.filter(
        state=DeploymentState.SUCCEEDED, instance=serving.instance, rolls_back_to=None
    )
    newest = made.select_related("instance", "application").order_by("-number")[:KEPT]
    served = (unfound(serving) or serving).release
    return [each for each in newest if each.release != served]
