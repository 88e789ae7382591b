"""Logs that are read, and those of deployments, which the portal has."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, Value
from django.db.models.functions import Greatest, Lower, StrIndex, Substr
from django.http import Http404

from ..accounts.models import User
from ..applications.models import Application
from ..commands import sources
from ..commands.models import Command
from ..commands.sources import Source
from ..deployments import releases
from ..deployments.models import Deployment, Step
from ..instances.models import Instance
from ..instances.states import InstanceState

#: Deployments that are listed and searched, steps that are shown, characters around what was found.
DEPLOYMENTS, FOUND = 30, 50
_BEFORE, _EXCERPT = 160, 480


def find_reading(user: User, pk: UUID) -> Command:
    """A log that is read, or 404 when it is of no application that this person may see. One query."""
    visible = Command.objects.filter(
        application__in=Application.objects.visible_to(user), action=Command.Action.LOGS
    )
    found = visible.select_related("application", "application__owner").filter(pk=pk).first()
    if found is None:
        raise Http404("No reading of a log of yours has this address.")
    return found


def machine_of(application: Application) -> Instance | None:
    """The machine that serves, or the newest that runs with no release as yet. One query, or two."""
    live = releases.live(application)
    if live is not None and live.instance.state == InstanceState.RUNNING:
        return live.instance
    return (
        application.instances.filter(state=InstanceState.RUNNING, spare=False).order_by("-created_at").first()
    )


def sources_of(application: Application) -> list[Source]:
    """Of that machine; none where no machine runs."""
    machine = machine_of(application)
    return sources.of_machine(machine.pk) if machine else []


@dataclass(frozen=True)
class Excerpt:
    """Where a step's log holds what was searched for first."""

    deployment: Deployment
    step: str
    label: str
    text: str


def deployments_of(application: Application) -> QuerySet[Deployment]:
    return application.deployments.order_by("-number").defer("findings", "facts", "changes", "plan")[
        :DEPLOYMENTS
    ]


def search_deployments(application: Application, text: str) -> list[Excerpt]:
    """Steps of the newest deployments whose log has this text. Two queries; no log is read whole."""
    known: dict[Any, Deployment] = {each.pk: each for each in deployments_of(application)}
    at = StrIndex(Lower("log"), Value(text.lower()))
    found = (
        Step.objects.filter(deployment__in=list(known))
        .annotate(at=at)
        .filter(at__gt=0)
        .annotate(excerpt=Substr("log", Greatest(at - _BEFORE, Value(1)), _EXCERPT))
        .order_by("-deployment__number", "position")
        .values_list("deployment", "name", "excerpt")
    )
    return [
        Excerpt(known[pk], name, Step(name=name).get_name_display(), excerpt)
        for pk, name, excerpt in found[:FOUND]
    ]
