"""The status of an application: made of its newest instance and deployment, and kept on its row."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Case, Exists, OuterRef, QuerySet, Subquery, TextChoices, When

from ..deployments.states import DeploymentState
from ..instances.states import InstanceState


class Status(TextChoices):
    """An application at a glance: its instance and its newest deployment taken together."""

    LIVE = "live", "Live"
    DEPLOYING = "deploying", "Deploying"
    QUEUED = "queued", "Queued"
    FAILED = "failed", "Failed"
    STOPPED = "stopped", "Stopped"
    TERMINATING = "terminating", "Terminating"
    TERMINATED = "terminated", "Terminated"
    CANCELLED = "cancelled", "Cancelled"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Where all that it names holds, the application has this status; the rest may be anything."""

    status: Status
    terminating: bool | None = None
    deployment: DeploymentState | None = None
    instance: tuple[InstanceState, ...] = ()
    serves: bool | None = None

    def holds(self, application: Any) -> bool:
        """For a row of ``with_facts``."""
        asked = application.terminate_requested_at is not None
        return (
            self.terminating in (None, asked)
            and self.deployment in (None, application.deployment_state)
            and (not self.instance or application.instance_state in self.instance)
            and self.serves in (None, application.is_served)
        )


_ENDED = (InstanceState.TERMINATED, InstanceState.FAILED)
_STOPPED = (InstanceState.STOPPING, InstanceState.STOPPED)
#: The first that holds.
RULES = (
    Rule(status=Status.DEPLOYING, deployment=DeploymentState.RUNNING, terminating=False),
    Rule(status=Status.QUEUED, deployment=DeploymentState.QUEUED, terminating=False),
    Rule(status=Status.TERMINATED, terminating=True, instance=_ENDED),
    Rule(status=Status.CANCELLED, deployment=DeploymentState.CANCELLED, instance=_ENDED),
    Rule(status=Status.TERMINATED, instance=(InstanceState.TERMINATED,)),
    Rule(status=Status.TERMINATING, terminating=True),
    Rule(status=Status.TERMINATING, instance=(InstanceState.SHUTTING_DOWN,)),
    Rule(status=Status.STOPPED, instance=_STOPPED),
    Rule(status=Status.LIVE, serves=True),
    Rule(status=Status.CANCELLED, deployment=DeploymentState.CANCELLED),
)


def with_facts(applications: QuerySet[Any]) -> QuerySet[Any]:
    """Add ``deployment_state``, ``instance_state`` and ``is_served`` to every row."""
    own = applications.model._default_manager.filter(pk=OuterRef("pk"))
    # What runs, and then the newest: one that waits for it has changed nothing yet.
    running = When(deployments__state=DeploymentState.RUNNING, then=0)
    current_first = own.order_by(Case(running, default=1), "-deployments__number")
    machine = own.filter(instances__spare=False).order_by("-instances__created_at")
    newest_instance = machine.values("instances__state")
    serving = own.filter(
        deployments__state=DeploymentState.SUCCEEDED,
        deployments__instance__state=InstanceState.RUNNING,
    )
    annotated: QuerySet[Any] = applications.annotate(
        deployment_state=Subquery(current_first.values("deployments__state")[:1]),
        instance_state=Subquery(newest_instance[:1]),
        is_served=Exists(serving),
    )
    return annotated


def status_of(application: Any) -> Status:
    """The status that a row of ``with_facts`` ought to have."""
    return next((rule.status for rule in RULES if rule.holds(application)), Status.FAILED)
