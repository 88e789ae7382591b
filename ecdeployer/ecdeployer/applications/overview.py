"""Everything that the application's page shows and that may move, in a fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from django.db.models import FilteredRelation, OuterRef, Q, Subquery
from django.db.models.functions import Length
from django.http import Http404
from django.utils import timezone

from ..accounts.models import User
from ..deployments import configuration
from ..deployments.models import Deployment
from ..deployments.progress import Progress, fingerprint, read_progress
from ..deployments.states import UNFINISHED, DeploymentState, StepName
from ..instances import spending
from ..instances.models import Instance, LedgerEntry
from ..instances.spending import Spending
from ..instances.states import InstanceState
from .models import Application
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

    @cached_property
    def instance(self) -> Instance | None:
        """The application's machine: not one that is to take its place, nor one whose place was taken."""
        newest = self.deployment.instance if self.deployment else None
        if newest is None or not (newest.spare or newest.end_asked_at):
            return newest
        return Instance.machine_of(self.application) or newest

    @cached_property
    def progress(self) -> Progress | None:
        return read_progress(self.deployment) if self.deployment else None

    @property
    def pause(self) -> int:
        """Seconds until the page asks again."""
        return self.progress.pause if self.progress and not self.progress.deployment.is_final else 1

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
        return self.instance is not None and self.is_launched and self.instance.state not in _SETTLED

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
    def may_need_key(self) -> bool:
        """The repository is private, or there is none of this name: hosts do not say which."""
        codes = {"repository-private", "deploy-key-missing"}
        return self.newest_failed and self.deployment is not None and self.deployment.failure_code in codes

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

    @cached_property
    def spending(self) -> Spending:
        """Of all its instances."""
        return spending.of_application(self.application.pk)


def read_overview(application: Application) -> Overview:
    deployments = application.deployments.select_related("instance__elastic", "created_by").current_first()
    return Overview(application=application, deployments=list(deployments[:HISTORY]))


def read_tag(user: User, pk: UUID) -> str:
    """An ETag's text for what moves on the application's page; 404 as ``find_application``.

    One query that reads no log: people ask every second. A move of the application, its instance or a
    deployment grows its revision; what a machine is told to be its own; the rest is the steps that run.
    """
    instances = Instance.objects.filter(application=OuterRef("pk"), spare=False).order_by("-created_at")
    unfinished = FilteredRelation("deployments", condition=Q(deployments__state__in=UNFINISHED))
    lines = list(
        Application.objects.visible_to(user)
        .filter(pk=pk)
        .annotate(unfinished=unfinished, machine=Subquery(instances.values("revision")[:1]))
        .order_by("unfinished__steps__pk")
        .values_list(
            "revision",
            "machine",
            *(
                f"unfinished__steps__{name}"
                for name in ("pk", "state", "log_offset", "message", "finished_at")
            ),
            Length("unfinished__steps__log"),
        )
    )
    if not lines:
        raise Http404("No application of yours has this address.")
    return fingerprint(pk, lines, timezone.get_current_timezone_name())


def is_unapplied(application: Application) -> bool:
    """Whether variables were saved that the site which serves does not have. One query, where one serves."""
    return application.serves and not configuration.is_live(application.pk)
