"""The end of a rebuild: what the site keeps goes to the new machine, then its address, and the old one ends.

Until the last line the old machine serves, or can serve again: a rebuild that fails leaves it as it was.
"""

import logging
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from ..aws.errors import AWSError
from ..commands import moving
from ..instances import addresses
from ..instances.models import Address, Instance
from ..wakeups import wake_termination
from . import deadlines, endings, health, steps
from .models import Deployment
from .parameters import check_token
from .states import StepName, StepState

logger = logging.getLogger(__name__)

_SOON, _AGAIN = timedelta(seconds=0.5), timedelta(seconds=2)


def is_checked(deployment: Deployment) -> bool:
    """Whether it is a rebuild whose new machine has answered at its own address."""
    if deployment.kind != Deployment.Kind.REBUILD:
        return False
    return deployment.steps.filter(name=StepName.HEALTH, state=StepState.SUCCEEDED).exists()


def check(deployment: Deployment) -> None:
    """The new machine has answered: what it had to do has ended, and what follows is between two machines."""
    now = timezone.now()
    done = deployment.steps.exclude(name__in=[StepName.MOVE, StepName.ADDRESS])
    done.filter(state=StepState.RUNNING).update(state=StepState.SUCCEEDED, message="", finished_at=now)
    done.filter(state=StepState.PENDING).update(state=StepState.SKIPPED)


def go_on(deployment: Deployment) -> timedelta | None:
    """The next piece. When to look again; None once the deployment has ended."""
    if deployment.steps.filter(name=StepName.MOVE, finished_at=None).exists():
        return _move_data(deployment)
    return _move_address(deployment)


def _move_data(deployment: Deployment) -> timedelta | None:
    _begin(deployment, StepName.MOVE)
    old = Instance.machine_of(deployment.application)
    try:
        if old is None:
            raise moving.MoveError("The machine that serves is gone.")
        if not moving.carry(old, deployment.instance, move=deployment.pk):
            return _SOON
    except moving.MoveError as error:
        endings.fail(deployment, StepName.MOVE, code="move-failed", reason=str(error))
        return None
    steps.end(deployment, StepName.MOVE, StepState.SUCCEEDED)
    return timedelta(0)


def _move_address(deployment: Deployment) -> timedelta | None:
    _begin(deployment, StepName.ADDRESS)
    new, old = deployment.instance, Instance.machine_of(deployment.application)
    try:
        if old is not None and not moving.hold(old, move=deployment.pk):
            return _SOON
        addresses.move(deployment.application, to=new)
        if not addresses.point(new):
            return _SOON
    except moving.MoveError as error:
        endings.fail(deployment, StepName.ADDRESS, code="move-failed", reason=str(error))
        return None
    except AWSError as error:
        steps.tell(deployment, StepName.ADDRESS, error.person)
        return _AGAIN
    held = Address.objects.filter(instance=new, gone_at=None).exclude(allocation_id=None).first()
    if held is not None and not held.leads:
        endings.fail(deployment, StepName.ADDRESS, code="address-refused", reason=held.refused)
        return None
    shown = check_token(deployment)
    found = health.ask(new.public_ip or "", deployment.application.health_path, check=shown)
    if not found.is_live:
        steps.tell(deployment, StepName.ADDRESS, found.reason)
        return _AGAIN
    _take_over(deployment)
    return None


def _take_over(deployment: Deployment) -> None:
    """The new machine is the application's; the old one is told to end, in one transaction with that."""
    old = Instance.machine_of(deployment.application)
    with transaction.atomic():
        Instance.objects.filter(pk=deployment.instance_id).update(spare=False)
        steps.end(deployment, StepName.ADDRESS, StepState.SUCCEEDED)
        if not endings.succeed(deployment):
            transaction.set_rollback(True)
            return
        if old is not None and old.pk != deployment.instance_id:
            Instance.objects.filter(pk=old.pk).update(end_asked_at=timezone.now())
            wake_termination(old.pk)


def _begin(deployment: Deployment, name: StepName) -> None:
    if steps.begin(deployment, name):
        deployment.deadline = timezone.now() + deadlines.of([name])
        deployment.save(update_fields=["deadline"])
