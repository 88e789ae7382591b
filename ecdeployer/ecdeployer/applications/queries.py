"""What pages show of applications, in a fixed number of queries."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import (
    Case,
    CharField,
    Count,
    Exists,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    TextChoices,
    Value,
    When,
)
from django.http import Http404
from django.utils import timezone

from ..accounts.models import User
from ..deployments.models import Deployment
from ..deployments.states import DeploymentState
from ..instances import prices
from ..instances.models import Instance
from ..instances.states import InstanceState
from .models import Application


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

    def condition(self) -> Q:
        """For rows that carry the annotations of ``_with_facts``."""
        found = Q()
        if self.terminating is not None:
            found &= Q(terminate_requested_at__isnull=not self.terminating)
        if self.deployment is not None:
            found &= Q(deployment_state=self.deployment)
        if self.instance:
            found &= Q(instance_state__in=self.instance)
        if self.serves is not None:
            found &= Q(serves=self.serves)
        return found

    def holds(self, application: Any) -> bool:
        """The same, for one that was read."""
        asked = application.terminate_requested_at is not None
        return (
            self.terminating in (None, asked)
            and self.deployment in (None, application.deployment_state)
            and (not self.instance or application.instance_state in self.instance)
            and self.serves in (None, application.serves)
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


def _with_facts(applications: QuerySet[Application]) -> QuerySet[Any]:
    """Add ``deployment_state``, ``instance_state`` and ``serves`` to every row."""
    newest_deployment = Deployment.objects.filter(application=OuterRef("pk")).current_first()
    newest_instance = Instance.objects.filter(application=OuterRef("pk")).order_by("-created_at")
    serving = Deployment.objects.filter(
        application=OuterRef("pk"),
        state=DeploymentState.SUCCEEDED,
        instance__state=InstanceState.RUNNING,
    )
    return applications.annotate(
        deployment_state=Subquery(newest_deployment.values("state")[:1]),
        instance_state=Subquery(newest_instance.values("state")[:1]),
        serves=Exists(serving),
    )


def with_status(applications: QuerySet[Application]) -> QuerySet[Any]:
    """Add ``status``, and the facts that it is made of, to every row."""
    cases = [When(rule.condition(), then=Value(rule.status)) for rule in RULES]
    status = Case(*cases, default=Value(Status.FAILED), output_field=CharField())
    annotated: QuerySet[Any] = _with_facts(applications).annotate(status=status)
    return annotated


def status_of(application: Any) -> Status:
    """The status of one that ``_with_facts`` read: composing its SQL took most of the time of a poll."""
    return next((rule.status for rule in RULES if rule.holds(application)), Status.FAILED)


def dashboard(user: User, *, search: str = "", status: str = "") -> QuerySet[Any]:
    """The person's applications, newest first, with their instances and newest deployment at hand."""
    applications = with_status(Application.objects.visible_to(user)).select_related("owner")
    for word in search.split():
        applications = applications.filter(_matches(word))
    if status:
        applications = applications.filter(status=status)
    newest = Deployment.objects.current_first().defer("findings", "facts", "changes")[:1]
    return applications.prefetch_related(
        Prefetch("deployments", queryset=newest, to_attr="newest_deployments"),
        Prefetch("instances", queryset=Instance.objects.order_by("-created_at")),
    ).order_by("-created_at")


def count_by_status(user: User) -> dict[str, int]:
    """How many applications the person has in each state."""
    applications = with_status(Application.objects.visible_to(user)).order_by()
    return dict(applications.values_list("status").annotate(Count("pk")))


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the dashboard."""

    application: Any
    deployment: Deployment | None
    address: str
    cost: Decimal | None


def rows(applications: Iterable[Any]) -> list[Row]:
    """Lines for a page of ``dashboard``; no further query."""
    return [_row(application) for application in applications]


def _row(application: Any) -> Row:
    instances = list(application.instances.all())
    public_ip = instances[0].public_ip if instances else None
    return Row(
        application=application,
        deployment=next(iter(application.newest_deployments), None),
        address=f"http://{public_ip}/" if application.serves and public_ip else "",
        cost=cost_of(instances),
    )


def _matches(word: str) -> Q:
    fields = ("name", "project_name", "github_url", "description", "owner__username")
    query = Q()
    for field in fields:
        query |= Q(**{f"{field}__icontains": word})
    return query


def find_application(user: User, pk: UUID) -> Any:
    """The application with its status, or 404 when there is none that this person may see."""
    found = _with_facts(Application.objects.visible_to(user)).select_related("owner")
    application = found.filter(pk=pk).first()
    if application is None:
        raise Http404("No application of yours has this address.")
    application.status = status_of(application)
    return application


def find_deployment(user: User, pk: UUID) -> Deployment:
    """The deployment, or 404 when it belongs to no application that this person may see."""
    deployment = (
        Deployment.objects.filter(application__in=Application.objects.visible_to(user), pk=pk)
        .select_related("application", "application__owner", "instance", "created_by", "rolls_back_to")
        .first()
    )
    if deployment is None:
        raise Http404("No deployment of yours has this address.")
    return deployment


def cost_of(instances: Iterable[Instance]) -> Decimal | None:
    """What an application's instances have cost together; None where a price is not known."""
    costs = [
        prices.cost(
            instance.instance_type,
            region=settings.AWS_REGION,
            since=instance.launched_at,
            until=instance.terminated_at or timezone.now(),
        )
        for instance in instances
        if instance.launched_at
    ]
    return None if None in costs else sum(filter(None, costs), Decimal())
