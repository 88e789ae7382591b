"""How a deployment goes, to be told to its owner and to GitHub: in the transaction in which it is so."""

from typing import Any

from django.conf import settings
from django.urls import reverse

from ..alerts import channels, outbox
from ..alerts.models import AlertSettings, Notification
from ..applications.models import Application
from .models import Deployment
from .states import DeploymentState

_WORDS = {
    DeploymentState.SUCCEEDED: ("is live", "good", "success"),
    DeploymentState.FAILED: ("failed", "bad", "failure"),
    DeploymentState.CANCELLED: ("was cancelled", "warn", "error"),
}
#: What GitHub takes of a description.
DESCRIPTION = 140


def begun(deployment: Deployment) -> None:
    """Its commit is known: GitHub is told that it goes on."""
    rules = AlertSettings.of(deployment.application_id)
    _put_status(deployment, rules, state="pending", description="It is on its way.")


def ended(deployment: Deployment) -> None:
    """One that was not needed is told to nobody; one that was cancelled to GitHub alone."""
    state = DeploymentState(deployment.state)
    if state not in _WORDS:
        return
    words, tone, status = _WORDS[state]
    rules = AlertSettings.of(deployment.application_id)
    _put_status(deployment, rules, state=status, description=deployment.reason or f"Deployment {words}.")
    wanted = {
        AlertSettings.Deployments.FAILED: state == DeploymentState.FAILED,
        AlertSettings.Deployments.ALL: state != DeploymentState.CANCELLED,
    }
    if not wanted.get(AlertSettings.Deployments(rules.deployments), False):
        return
    commit = f"{deployment.commit_sha[:12]} {deployment.commit_subject}".strip()
    name = Application.objects.values_list("name", flat=True).get(pk=deployment.application_id)
    outbox.tell(
        rules,
        key=f"deployment {deployment.pk} {state}",
        subject=f"Deployment {deployment.number} of {name} {words}",
        text="\n".join(filter(None, (commit, deployment.reason, deployment.remedy))),
        tone=tone,
        path=_path(deployment),
    )


def _path(deployment: Deployment) -> str:
    return reverse("deployments:detail", args=[deployment.pk])


def _put_status(deployment: Deployment, rules: AlertSettings, *, state: str, description: str) -> None:
    """Where there is a token: https://docs.github.com/en/rest/commits/statuses"""
    if not rules.status_token or not deployment.commit_sha:
        return
    application = Application.objects.get(pk=deployment.application_id)
    if not channels.repository_of(application):
        return
    line = " ".join(description.split())
    payload: dict[str, Any] = {
        "deployment": str(deployment.pk),
        "sha": deployment.commit_sha,
        "state": state,
        "description": line if len(line) <= DESCRIPTION else f"{line[: DESCRIPTION - 1]}…",
        "context": f"EC Django Deployer / {application.name}",
        "target_url": f"{settings.PORTAL_URL}{_path(deployment)}",
    }
    outbox.put(
        application.pk,
        Notification.Channel.STATUS,
        key=f"deployment {deployment.pk} {state}",
        subject=f"{state} of {deployment.commit_sha[:12]}",
        payload=payload,
    )
