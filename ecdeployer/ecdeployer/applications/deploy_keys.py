"""What a person asks for about an application's deploy key. Each is an event; the private half is never here.

These two wait for Parameter Store, as nothing else does that a person asks for: a private half that waited
for a worker would have to lie in the database or in Redis until then.
"""

import logging
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from ..accounts.models import User
from ..aws.errors import AWSError
from ..deployments.actions import RefusedError
from ..git import keys
from ..git.repository import RepositoryURLError, parse_url
from ..instances import deploy_keys
from .models import Application, DeployKey, Event

logger = logging.getLogger(__name__)

_ENDED = "This application is terminated: it needs no deploy key."


def make(application: Application, *, by: User | None) -> DeployKey:
    """A new pair, in the place of an earlier one, which opens nothing from then on. Raises RefusedError."""
    _refuse_without_ssh(application)
    with transaction.atomic():
        key, _ = DeployKey.objects.get_or_create(application=_lock(application))
    host = urlsplit(settings.PORTAL_URL).hostname
    pair = keys.make_pair(comment=f"{application.name}@{host}")
    _ask(lambda: deploy_keys.write(application, pair.private))
    try:
        with transaction.atomic():
            _lock(application)
            verb = "deploy key replaced" if key.public else "deploy key made"
            key.public, key.made_by, key.made_at = pair.public, by, timezone.now()
            key.save()
            _record(application, by=by, verb=verb, detail=key.fingerprint)
    except RefusedError:
        # It was terminated meanwhile, and its secrets may have been deleted before this one came.
        _ask(lambda: deploy_keys.delete(application))
        raise
    return key


def remove(application: Application, *, by: User | None) -> None:
    """From the next deployment on the repository is read without a key. Raises RefusedError."""
    with transaction.atomic():
        _lock(application)
        key = DeployKey.objects.filter(application=application).first()
    if key is None:
        raise RefusedError("There is no deploy key: it was removed already.")
    _ask(lambda: deploy_keys.delete(application))
    with transaction.atomic():
        if DeployKey.objects.filter(pk=key.pk).delete()[0]:
            _record(application, by=by, verb="deploy key removed", detail=key.fingerprint)


def _lock(application: Application) -> Application:
    current = Application.objects.select_for_update().get(pk=application.pk)
    if current.terminate_requested_at:
        raise RefusedError(_ENDED)
    return current


def _refuse_without_ssh(application: Application) -> None:
    try:
        source = parse_url(application.github_url, allowed_hosts=settings.GIT_HOSTS)
    except RepositoryURLError as error:
        raise RefusedError(str(error)) from error
    if not source.ssh_url:
        raise RefusedError(f"Repositories at {source.host} are read without a key.")


def _ask(call: Callable[[], object]) -> None:
    try:
        call()
    except AWSError as error:
        logger.warning("deploy key: %s", error.operator)
        raise RefusedError(
            "Parameter Store, where keys are kept, does not answer as it should. Try again; if this stays, "
            "ask the operator of this portal."
        ) from error


def _record(application: Application, *, by: User | None, verb: str, detail: str) -> None:
    Event.objects.create(application=application, actor=by, subject="application", verb=verb, detail=detail)
