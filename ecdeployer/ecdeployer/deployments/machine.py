"""Handing a deployment to its machine: a new one gets it with its user data, one that runs by Run Command."""

import logging
from datetime import timedelta

from django.utils import timezone

from ..aws.errors import AWSError
from ..cloud_init import user_data
from ..cloud_init.parameters import ParameterError
from ..cloud_init.user_data import UserDataTooLargeError
from ..git.repository import RepositoryURLError
from ..instances import addresses, commands, deploy_keys, environment, provisioning, run_documents
from ..instances.connection import aws
from ..instances.provisioning import LaunchFailedError, LaunchPausedError
from ..instances.states import InstanceState
from . import access, deadlines, endings, steps, texts
from .configuration import take_environment
from .models import Deployment
from .parameters import parameters_of, store_token_hash
from .states import StepName, StepState
from .watching import current_step

logger = logging.getLogger(__name__)

_SOON = timedelta(seconds=2)
_NOW = timedelta(0)
#: What no machine may be given.
_REFUSED = (ParameterError, RepositoryURLError)


def launch(deployment: Deployment) -> timedelta | None:
    """One step towards a machine. When to look again; None once the deployment has ended."""
    if steps.begin(deployment, StepName.LAUNCH):
        _set_deadline(deployment, deadlines.of([StepName.LAUNCH]))
    instance = deployment.instance
    try:
        if not instance.ec2_id:
            addresses.ensure(instance)
            provisioning.launch(instance, render=lambda: _render(deployment))
            instance.refresh_from_db()
        if not instance.ec2_id:
            return _NOW
        _share_secrets(deployment)
    except (LaunchPausedError, LaunchFailedError, AWSError, UserDataTooLargeError, *_REFUSED) as error:
        return _stopped(deployment, StepName.LAUNCH, error)
    steps.end(deployment, StepName.LAUNCH, StepState.SUCCEEDED)
    steps.begin(deployment, StepName.BOOT)
    _set_deadline(deployment, deadlines.of([StepName.BOOT]))
    return deadlines.SILENCE


def _render(deployment: Deployment) -> bytes:
    """Raises AWSError where the machine would not find its scripts."""
    run_documents.find(aws(), "deploy")
    parameters = parameters_of(deployment)
    store_token_hash(deployment)
    return user_data.render(parameters)


def _share_secrets(deployment: Deployment) -> None:
    """With its machine, which clones first. Raises AWSError."""
    if access.has_key(deployment.application):
        deploy_keys.share(deployment.instance)
    environment.write(deployment.instance, take_environment(deployment))


def send(deployment: Deployment) -> timedelta | None:
    """Send it to the machine that runs. When to look again; None once the deployment has ended."""
    instance = deployment.instance
    if instance.state != InstanceState.RUNNING:
        steps.tell(deployment, current_step(deployment), "Waiting until the instance runs.")
        return _SOON
    try:
        if deployment.kind != Deployment.Kind.ROLLBACK:
            addresses.ensure(instance)
        if not addresses.point(instance):
            return _SOON
        parameters = parameters_of(deployment)
        # A release that is kept keeps its environment.
        if deployment.kind != Deployment.Kind.ROLLBACK:
            _share_secrets(deployment)
        if not store_token_hash(deployment):
            return None
        deployment.command_id = commands.send(instance, parameters, since=deployment.queued_at)
    except (AWSError, *_REFUSED) as error:
        return _stopped(deployment, current_step(deployment), error)
    deployment.save(update_fields=["command_id"])
    _set_deadline(deployment, deadlines.COMMAND)
    return deadlines.SILENCE


def _stopped(deployment: Deployment, step: StepName, error: Exception) -> timedelta | None:
    """Wait where waiting helps, or else end with what the person is told."""
    if isinstance(error, LaunchPausedError):
        steps.tell(deployment, step, error.reason)
        return timedelta(seconds=error.retry_in)
    if isinstance(error, AWSError):
        level = logging.INFO if error.retryable else logging.ERROR
        logger.log(level, "deployment %s, %s: %s", deployment.pk, step, error.operator)
    if isinstance(error, AWSError) and error.retryable:
        steps.tell(deployment, step, error.person)
        return _SOON
    if isinstance(error, LaunchFailedError):
        deployment.steps.filter(name=step).update(log=texts.clean(error.log or ""))
        endings.fail(deployment, step, code=error.code, reason=error.reason, remedy=error.remedy)
    elif isinstance(error, AWSError):
        endings.fail(deployment, step, code=f"aws-{error.kind}", reason=error.person)
    else:
        endings.fail(deployment, step, code="parameters-refused", reason=str(error))
    return None


def _set_deadline(deployment: Deployment, patience: timedelta) -> None:
    deployment.deadline = timezone.now() + patience
    deployment.save(update_fields=["deadline"])
