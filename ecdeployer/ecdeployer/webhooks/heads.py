"""Asking repositories for their heads: what a webhook lost, and those who cannot have one."""

import logging
import random
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone

from ..applications import actions
from ..applications.models import Application
from ..aws.errors import AWSError
from ..deployments import access
from ..deployments.models import Deployment
from ..deployments.states import DeploymentState
from ..git import repository
from ..git.repository import GitError, RepositoryURL, RepositoryURLError
from ..instances.states import InstanceState
from .models import RepositoryHost, Webhook

logger = logging.getLogger(__name__)

#: A repository, or a host, that does not answer is asked half as often each time, down to this.
LONGEST = timedelta(hours=6)
HOST_PAUSE = timedelta(minutes=1)
HOST_LONGEST = timedelta(minutes=30)
_UNFINISHED = (DeploymentState.QUEUED, DeploymentState.RUNNING)


def due(now: datetime) -> QuerySet[Webhook]:
    """Of applications that are on and live; the longest waiting first."""
    live = Deployment.objects.filter(
        application=OuterRef("pk"), state=DeploymentState.SUCCEEDED, instance__state=InstanceState.RUNNING
    )
    wanted = Webhook.objects.filter(
        Exists(live), application__deploy_on_push=True, application__terminate_requested_at=None
    )
    return wanted.filter(due_at__lte=now).order_by("due_at")


def ask(pk: UUID) -> Deployment | None:
    """Ask for the head, unless another worker does; the deployment that a new one leads to."""
    webhook = _claim(pk)
    if webhook is None:
        return None
    application = webhook.application
    try:
        source = access.source_of(application)
        if _is_held(source):
            return None
        key = access.key_of(application)
        head = repository.head(source, branch=application.branch or source.branch, key=key)
    except RepositoryURLError as error:
        _failed(webhook, str(error))
        return None
    except AWSError as error:
        _failed(webhook, error.person)
        return None
    except GitError as error:
        _failed(webhook, error.message)
        if error.retryable:
            _hold(source)
        return None
    RepositoryHost.objects.filter(pk=source.host).delete()
    return _found(webhook, head)


def _claim(pk: UUID) -> Webhook | None:
    """Compare-and-set on the time: of two workers one has it."""
    now = timezone.now()
    webhook = due(now).select_related("application").filter(pk=pk).first()
    if webhook is None:
        return None
    interval = timedelta(seconds=settings.PUSH_POLL_SECONDS)
    # Spread, so that those that were registered together are not asked together for ever.
    after = now + interval * random.SystemRandom().uniform(0.9, 1.1)
    held = Webhook.objects.filter(pk=pk, due_at=webhook.due_at)
    return webhook if held.update(due_at=after, asked_at=now) else None


def _found(webhook: Webhook, head: str) -> Deployment | None:
    """Deploy a head that is new: not the one that was seen, is live, waits, or was tried since."""
    with transaction.atomic():
        application = Application.objects.select_for_update().get(pk=webhook.pk)
        row = Webhook.objects.filter(pk=webhook.pk)
        now = timezone.now()
        row.update(failures=0, trouble="")
        if row.values_list("head_at", flat=True).get() != webhook.head_at:
            # A push came while the repository was asked, whose answer may be older.
            row.update(due_at=now)
            return None
        if head == webhook.head:
            return None
        if head in _known(application, since=webhook.head_at):
            row.update(head=head, head_at=now)
            return None
        try:
            trigger = Deployment.Trigger.POLL
            deployment = actions.deploy_again(application, by=None, trigger=trigger, commit=head)
        except actions.RefusedError as error:
            row.update(trouble=str(error))
            return None
        row.update(head=head, head_at=now)
        return deployment


def _known(application: Application, *, since: datetime) -> set[str]:
    """Going back to an older release is no new head, and neither is a head whose deployment failed.

    ``since``: what somebody deployed by hand after that was the head then, or is meant to be live anyway.
    """
    deployments = application.deployments.exclude(commit_sha="").order_by("-number")
    succeeded = deployments.filter(state=DeploymentState.SUCCEEDED)
    unfinished = deployments.filter(state__in=_UNFINISHED)
    newest = {each.commit_sha for found in (deployments, succeeded) for each in found.only("commit_sha")[:1]}
    later = deployments.filter(started_at__gte=since) | unfinished
    return newest | set(later.values_list("commit_sha", flat=True))


def _failed(webhook: Webhook, trouble: str) -> None:
    failures = min(webhook.failures + 1, 16)
    pause = min(timedelta(seconds=settings.PUSH_POLL_SECONDS) * 2**failures, LONGEST)
    Webhook.objects.filter(pk=webhook.pk).update(
        failures=failures, trouble=trouble, due_at=timezone.now() + pause
    )


def _is_held(source: RepositoryURL) -> bool:
    return RepositoryHost.objects.filter(pk=source.host, held_until__gt=timezone.now()).exists()


def _hold(source: RepositoryURL) -> None:
    """The host itself does not answer: nobody asks it for a while."""
    now = timezone.now()
    host, _ = RepositoryHost.objects.get_or_create(pk=source.host, defaults={"held_until": now})
    pause = min(HOST_PAUSE * 2 ** min(host.failures, 10), HOST_LONGEST)
    RepositoryHost.objects.filter(pk=source.host).update(failures=F("failures") + 1, held_until=now + pause)
    logger.warning("%s does not answer; no heads are asked for there for %s", source.host, pause)
