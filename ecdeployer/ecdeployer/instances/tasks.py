"""Short tasks, safe to run twice at once; messages carry ids alone."""

import logging

from celery import shared_task

from .. import logs
from ..aws.errors import AWSError
from . import addresses, golden_images, termination
from . import reconcile as reconciling
from .connection import aws
from .models import Instance

logger = logging.getLogger(__name__)


@shared_task
def reconcile() -> None:
    """One sweep over all machines; beat asks for the next."""
    try:
        reconciling.sweep()
    except AWSError as error:
        logger.warning("reconcile: %s", error.operator)


@shared_task
def check_status() -> None:
    """What EC2's own checks of the machines say."""
    try:
        reconciling.note_impaired()
    except AWSError as error:
        logger.warning("status checks: %s", error.operator)


@shared_task
def learn_images() -> None:
    """Golden images that were not built from here."""
    try:
        golden_images.learn(aws())
    except AWSError as error:
        logger.warning("golden images: %s", error.operator)


@shared_task
def terminate_instance(pk: str) -> None:
    """One step towards the end of an instance; reconcile asks for the next."""
    instance = Instance.objects.select_related("application").get(pk=pk)
    with logs.bound(instance=pk):
        try:
            termination.terminate(instance)
        except AWSError as error:
            logger.warning("instance %s cannot be ended yet: %s", pk, error.operator)


@shared_task
def point_address(pk: str) -> None:
    """Let the application's Elastic IP lead to this instance; reconcile asks again where it does not."""
    instance = Instance.objects.select_related("application").get(pk=pk)
    with logs.bound(instance=pk):
        try:
            addresses.point(instance)
        except AWSError as error:
            logger.warning("the address of %s cannot be moved yet: %s", pk, error.operator)
