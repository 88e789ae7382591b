"""Everything that the application's page shows and that may move, in a fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from django.utils import timezone

from ..deployments.models import Deployment
from ..deployments.progress import Progress, fingerprint, read_progress
from ..deployments.states import DeploymentState, StepName
from ..instances.models import Instance, LedgerEntry
from ..instances.states import InstanceState
from .models import Application
from .queries import cost_of
from .states import Status

HISTORY = 5
_SETTLED = {InstanceState.RUNNING, InstanceState.STOPPED, InstanceState.TERMINATED, InstanceState.FAILED}


@dataclass(frozen=True, kw_only=True)
class Overview:
    """An application, and its deployments with their instances: what runs, and then the newest."""

    application: Application
    deployments: Sequence[Deployment]

    @property
    def deployment(self) -> Deployment | None:
        return self.deployments[0] if self.deployments else None

    @property
    def instance(self) -> Instance | None:
        return self.deployment.instance if self.deployment else None

    @cached_property
    def progress(self) -> Progress | None:
        return read_progress(self.deployment) if self.deployment else None

    @property
    def label(self) -> str:
        return Status(self.application.status).label

    @property
    def is_moving(self) -> bool:
        """Whether there is something to wait for: the page asks again as long as this holds."""
        if self.deployment is None or not self.deployment.is_final:
            return self.deployment is not None
        if self.application.status == Status.TERMINATING:
            return True
        return self.is_launched and self.deployment.instance.state not in _SETTLED

    @property
    def is_launched(self) -> bool:
        never = {InstanceState.REQUESTED, InstanceState.FAILED}
        return self.instance is not None and self.instance.state not in never

    @property
    def newest_failed(self) -> bool:
        """True also where an older release still serves the site."""
        return self.deployment is not None and self.deployment.state == DeploymentState.FAILED

    @property
    def was_refused(self) -> bool:
        """Whether what was found in the repository ended the newest deployment."""
        if self.deployment is None or self.deployment.failed_step != StepName.PREFLIGHT:
            return False
        return any(finding["level"] == "error" for finding in self.deployment.findings)

    @property
    def can_deploy(self) -> bool:
        """Also where the instance has gone: another is launched then."""
        ending = self.application.terminate_requested_at or self.application.status == Status.TERMINATING
        return not ending

    @property
    def waiting(self) -> Deployment | None:
        """One that waits for another to end."""
        behind = self.deployments[1:2]
        return next((each for each in behind if not each.is_final), None)

    @property
    def can_cancel(self) -> bool:
        return self.deployment is not None and not self.deployment.is_final

    @property
    def can_terminate(self) -> bool:
        return self.application.terminate_requested_at is None

    @property
    def address(self) -> str:
        """Where the site answers; empty while it does not."""
        if self.application.status == Status.LIVE or self.application.serves:
            return f"http://{self.instance.public_ip}/" if self.instance and self.instance.public_ip else ""
        return ""

    @cached_property
    def ledger(self) -> list[LedgerEntry]:
        """What was made at AWS for the newest instance."""
        return list(self.instance.ledger.all()) if self.instance else []

    @property
    def left_behind(self) -> list[str]:
        """What AWS still has of an instance that has ended, in words for people."""
        return [entry.get_kind_display() for entry in self.ledger if entry.gone_at is None]

    @property
    def cost(self) -> Decimal | None:
        return cost_of([self.instance]) if self.instance else None

    def etag(self) -> str:
        """One query; what stands on the page and is not here does not move."""
        instance, newest = self.instance, self.deployment
        return fingerprint(
            newest.pk if newest else self.application.pk,
            self.application.status,
            (instance.pk, instance.state, instance.revision) if instance else None,
            [(each.pk, each.state, each.revision, each.last_event) for each in self.deployments],
            timezone.get_current_timezone_name(),
        )


def read_overview(application: Application) -> Overview:
    deployments = application.deployments.select_related("instance", "created_by").current_first()
    return Overview(application=application, deployments=list(deployments[:HISTORY]))
