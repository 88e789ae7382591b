"""What a restored database has under way: it has ended since, and this database did not see how."""

from django.utils import timezone

from ..applications.models import Application
from .models import Deployment, Step
from .states import UNFINISHED, DeploymentState, StepState

REASON = "The portal's database was restored from a copy that was made while this went on."
REMEDY = "Look at the site and its machine, and deploy again."


def close_unfinished() -> int:
    """Fail them with none of the consequences of a failure: no machine is given up, and none is told to stop.

    Their deadlines are those of the copy, and a machine may serve by now what the copy sees begun. It writes
    columns that every release has: the copy may be older than this one.
    """
    unfinished = Deployment.objects.filter(state__in=UNFINISHED)
    closed = 0
    for application in set(unfinished.values_list("application", flat=True)):
        with Application.kept(application):
            own = unfinished.filter(application=application)
            Step.objects.filter(
                deployment__in=list(own.values_list("pk", flat=True)),
                state__in=[StepState.PENDING, StepState.RUNNING],
            ).update(state=StepState.SKIPPED, message="Not finished.")
            closed += own.update(
                state=DeploymentState.FAILED,
                failure_code="database-restored",
                reason=REASON,
                remedy=REMEDY,
                finished_at=timezone.now(),
                due_at=None,
                report_token_hash="",
            )
    return closed
