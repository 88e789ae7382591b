"""What pages show of applications, in a fixed number of queries."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, Prefetch, Q, QuerySet
from django.http import Http404

from ..accounts.models import User
from ..deployments.models import Deployment
from ..instances import spending
from ..instances.models import Instance
from ..instances.spending import Spending
from .models import Application


def dashboard(user: User, *, search: str = "", status: str = "") -> QuerySet[Application]:
    """The person's applications, newest first, with their instances and newest deployment at hand."""
    applications = Application.objects.visible_to(user).select_related("owner")
    for word in search.split():
        applications = applications.filter(_matches(word))
    if status:
        applications = applications.filter(status=status)
    newest = Deployment.objects.current_first().defer("findings", "facts", "changes", "plan")[:1]
    return applications.prefetch_related(
        Prefetch("deployments", queryset=newest, to_attr="newest_deployments"),
        Prefetch("instances", queryset=Instance.objects.filter(spare=False).order_by("-created_at")),
    ).order_by("-created_at", "-pk")


def count_by_status(user: User) -> dict[str, int]:
    """How many applications the person has in each state: an index is counted, and no row read."""
    applications = Application.objects.visible_to(user).order_by()
    return dict(applications.values_list("status").annotate(count=Count("*")))


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the dashboard."""

    application: Any
    deployment: Deployment | None
    address: str
    cost: Decimal | None


def rows(applications: Iterable[Any]) -> list[Row]:
    """Lines for a page of ``dashboard``; one further query."""
    shown = list(applications)
    costs = spending.of_applications(application.pk for application in shown)
    return [_row(application, costs.get(application.pk, Spending())) for application in shown]


def _row(application: Any, costs: Spending) -> Row:
    instances = list(application.instances.all())
    public_ip = instances[0].public_ip if instances else None
    return Row(
        application=application,
        deployment=next(iter(application.newest_deployments), None),
        address=f"http://{public_ip}/" if application.serves and public_ip else "",
        cost=costs.known,
    )


def _matches(word: str) -> Q:
    fields = ("name", "project_name", "github_url", "description", "owner__username")
    query = Q()
    for field in fields:
        query |= Q(**{f"{field}__icontains": word})
    return query


def find_application(user: User, pk: UUID) -> Application:
    """The application, or 404 when there is none that this person may see."""
    found = Application.objects.visible_to(user).select_related("owner", "maintenance").filter(pk=pk)
    application = found.first()
    if application is None:
        raise Http404("No application of yours has this address.")
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
