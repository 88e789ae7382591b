"""Messages that wake a worker. The rows are the truth: a lost message delays work until beat looks."""

import logging
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from celery import current_app
from django.db import transaction
from django.db.models import QuerySet
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)

#: A longer pause is left to beat.
SHORT = timedelta(seconds=2)
#: Wake-ups for one beat: what is left comes with the next.
BATCH = 200

ADVANCE = "ecdeployer.deployments.tasks.advance"
ADVANCE_COMMAND = "ecdeployer.commands.tasks.advance"
ADVANCE_CHANGE = "ecdeployer.machines.tasks.advance"
SETTLE_PUSHES = "ecdeployer.webhooks.tasks.settle"
SEND_NOTIFICATION = "ecdeployer.alerts.tasks.send"
TERMINATE_INSTANCE = "ecdeployer.instances.tasks.terminate_instance"
POINT_ADDRESS = "ecdeployer.instances.tasks.point_address"


def wake_deployment(pk: UUID) -> None:
    """Have a worker look at this deployment, once what was written is committed."""
    transaction.on_commit(partial(_send, ADVANCE, pk))


def wake_termination(pk: UUID) -> None:
    """Have a worker end this instance, once what was written is committed."""
    transaction.on_commit(partial(_send, TERMINATE_INSTANCE, pk))


def wake_address(pk: UUID) -> None:
    """Have a worker let the Elastic IP lead to this instance, once what was written is committed."""
    transaction.on_commit(partial(_send, POINT_ADDRESS, pk))


def wake_command(pk: UUID) -> None:
    """Have a worker send this command, once what was written is committed."""
    transaction.on_commit(partial(_send, ADVANCE_COMMAND, pk))


def wake_change(pk: UUID) -> None:
    """Have a worker carry out this change of a machine, once what was written is committed."""
    transaction.on_commit(partial(_send, ADVANCE_CHANGE, pk))


def wake_pushes(pk: UUID) -> None:
    """Have a worker look at what was pushed to this application, once what was written is committed."""
    transaction.on_commit(partial(_send, SETTLE_PUSHES, pk))


def wake_notification(pk: UUID) -> None:
    """Have a worker send this message, once what was written is committed."""
    transaction.on_commit(partial(_send, SEND_NOTIFICATION, pk))


def _send(task: str, pk: UUID) -> None:
    try:
        current_app.send_task(task, [str(pk)], retry=False, ignore_result=True)
    except OperationalError as error:
        logger.warning("%s of %s waits for beat: the broker cannot be reached (%s)", task, pk, error)


def look_again(task: Any, pk: str, pause: timedelta | None) -> None:
    """A message for the next piece of work of a record, where it comes soon."""
    if pause is not None and pause <= SHORT:
        task.apply_async((pk,), {"only_if_due": True}, countdown=pause.total_seconds())


def wake_all(task: Any, due: QuerySet[Any], **given: bool) -> None:
    """What a lost message left undone: a message for each of these records. Beat asks for it."""
    for pk in due.values_list("pk", flat=True)[:BATCH]:
        task.apply_async((str(pk),), given, expires=10)
