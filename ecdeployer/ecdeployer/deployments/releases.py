"""The releases that a machine keeps, and the one that serves."""

from ..applications.models import Application
from .models import Deployment
from .states import DeploymentState

#: As many as ``deploy.sh`` leaves, the live one among them.
KEPT = 5


def live(application: Application) -> Deployment | None:
    """What brought the release live that serves now, or would if its machine ran."""
    succeeded = application.deployments.filter(state=DeploymentState.SUCCEEDED)
    return succeeded.select_related("application", "instance", "rolls_back_to").order_by("-number").first()


def kept(application: Application) -> list[Deployment]:
    """The deployments whose releases the machine keeps beside the live one, the newest first. Two queries."""
    serving = live(application)
    if serving is None:
        return []
    made = application.deployments.filter(
        state=DeploymentState.SUCCEEDED, instance=serving.instance, rolls_back_to=None
    )
    newest = made.select_related("instance", "application").order_by("-number")[:KEPT]
    return [each for each in newest if each.pk != (serving.rolls_back_to_id or serving.pk)]
