"""Launching one instance, once: an attempt is committed before it is sent, and repeated byte for byte.

https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
"""

import base64
import logging
import zlib
from collections.abc import Callable

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from ..aws import ec2, tags
from ..aws.errors import AWSError, rule_for
from . import golden_images, infrastructure, launch_queue, records
from .connection import aws
from .models import GoldenImage, Instance, LaunchAttempt, LedgerEntry
from .states import InstanceState

logger = logging.getLogger(__name__)

Render = Callable[[], bytes]

#: Attempts for one instance, whatever they failed of; there is one for each zone at most.
ATTEMPTS = 6
#: Seconds until it is worth asking again, by the error's kind.
_PAUSES = {"throttled": 2.0, "unavailable": 3.0, "credentials": 15.0, "limit": 30.0, "paused": 30.0}
#: Whoever comes next would be refused too.
_HOLDING = {"credentials", "limit", "paused"}
_PROFILE_PAUSE = 5.0
_LISTING_PAUSE = 15.0
_CAPACITY_REMEDY = "Try again later, or choose another instance type."


class LaunchPausedError(Exception):
    """Nothing is wrong with the request: the same may succeed in ``retry_in`` seconds."""

    def __init__(self, reason: str, *, retry_in: float) -> None:
        super().__init__(reason)
        self.reason, self.retry_in = reason, retry_in


class LaunchFailedError(Exception):
    """No machine exists and none will; the instance is ``failed``."""

    def __init__(self, *, code: str, reason: str, remedy: str = "", log: str = "") -> None:
        super().__init__(reason)
        self.code, self.reason, self.remedy, self.log = code, reason, remedy, log


def launch(instance: Instance, *, render: Render) -> None:
    """One step towards a machine; call it until the instance has an ``ec2_id``.

    ``render`` gives the user data, and is called once for each attempt. Any number of calls, at once or after
    a kill at any line, launch one machine. Raises LaunchPausedError or LaunchFailedError.
    """
    instance.refresh_from_db()
    if instance.state not in {InstanceState.REQUESTED, InstanceState.LAUNCHING}:
        return
    wait = launch_queue.ask(instance)
    if wait is not None:
        raise LaunchPausedError(wait.reason, retry_in=wait.retry_in)
    try:
        attempt = instance.launch_attempts.last()
        if attempt is None or attempt.outcome == LaunchAttempt.Outcome.FAILED:
            attempt = _prepare(instance, attempt, render)
        if attempt is not None and attempt.outcome == LaunchAttempt.Outcome.PREPARED:
            _send(instance, attempt)
    except AWSError as error:
        _give_reason(instance, error)


def _prepare(instance: Instance, previous: LaunchAttempt | None, render: Render) -> LaunchAttempt | None:
    """Commit the next attempt; None when another worker was first."""
    number = previous.number + 1 if previous else 1
    names = infrastructure.find(aws())
    subnets = ec2.default_subnets(aws())
    if previous is not None and number > min(ATTEMPTS, max(len(subnets), 2)):
        _fail(instance, code=f"aws-{rule_for(previous.error_code).kind}", reason=previous.error_message)
    image = GoldenImage.objects.first() or golden_images.learn(aws())
    if image is None:
        reason = "There is no golden image yet. The operator has to run manage.py build_golden_image."
        raise LaunchPausedError(reason, retry_in=_PAUSES["paused"])
    # The client token holds within a zone alone, and so the zone is part of the attempt. Instances begin with
    # different ones.
    first = zlib.crc32(instance.pk.bytes)
    subnet = subnets[(first + number - 1) % len(subnets)].id if subnets else ""
    attempt = LaunchAttempt(
        instance=instance,
        number=number,
        client_token=f"{instance.pk}-{number}",
        launch_template_id=names.launch_template_id,
        launch_template_version=names.launch_template_version,
        ami_id=image.ami_id,
        instance_type=instance.instance_type,
        subnet_id=subnet,
        user_data=base64.b64encode(render()).decode(),
    )
    return _commit(instance, attempt)


def _commit(instance: Instance, attempt: LaunchAttempt) -> LaunchAttempt | None:
    try:
        with transaction.atomic():
            attempt.save(force_insert=True)
            LedgerEntry.expect(instance, LedgerEntry.Kind.INSTANCE, LedgerEntry.Kind.VOLUME)
            if instance.state == InstanceState.REQUESTED and not instance.move(
                InstanceState.LAUNCHING, detail=f"attempt {attempt.number}"
            ):
                raise IntegrityError("another worker has launched it, or it was given up")
    except IntegrityError:
        return None
    return attempt


def _send(instance: Instance, attempt: LaunchAttempt) -> None:
    request = ec2.LaunchRequest(
        launch_template_id=attempt.launch_template_id,
        launch_template_version=attempt.launch_template_version,
        ami_id=attempt.ami_id,
        instance_type=attempt.instance_type,
        user_data=base64.b64decode(attempt.user_data or ""),
        client_token=attempt.client_token,
        subnet_id=attempt.subnet_id,
        tags=tags.instance_tags(
            prefix=settings.RESOURCE_PREFIX,
            application=str(instance.application_id),
            instance=str(instance.pk),
            attempt=attempt.number,
            asked_at=attempt.created_at,
            name=instance.application.name,
        ),
    )
    try:
        machine = ec2.run_instance(aws(), request)
    except AWSError as error:
        # Repeating the same request does not help; an earlier one of this attempt may have been carried out.
        if not error.retryable and not _is_early(error) and _is_adopted(instance, attempt, error):
            return
        raise
    records.adopt(instance, machine)


def _is_adopted(instance: Instance, attempt: LaunchAttempt, error: AWSError) -> bool:
    """Whether an earlier request of this attempt, whose answer was lost, has launched a machine.

    Where it has not, the attempt has failed; where nobody can tell, LaunchPausedError.
    """
    try:
        machine = ec2.find_by_instance_tag(aws(), str(instance.pk))
    except AWSError as refusal:
        raise LaunchPausedError(refusal.person, retry_in=_PAUSES["paused"]) from refusal
    if machine is not None and machine.state in ec2.LIVE_STATES:
        records.adopt(instance, machine)
        return True
    if error.code == "IdempotentParameterMismatch" and machine is None and _is_young(attempt):
        raise LaunchPausedError("AWS does not list the machine yet.", retry_in=_LISTING_PAUSE)
    _end_attempt(attempt, error)
    if error.kind == "mismatch":
        raise LaunchPausedError("The machine of this attempt has ended. Another is launched.", retry_in=0)
    return False


def _end_attempt(attempt: LaunchAttempt, error: AWSError) -> None:
    rows = LaunchAttempt.objects.filter(pk=attempt.pk, outcome=LaunchAttempt.Outcome.PREPARED)
    rows.update(
        outcome=LaunchAttempt.Outcome.FAILED,
        user_data=None,
        error_code=error.code[:128],
        error_message=error.person,
    )


def _is_young(attempt: LaunchAttempt) -> bool:
    """EC2 may take minutes to list what it has launched."""
    return attempt.created_at > timezone.now() - records.LISTING


def _is_early(error: AWSError) -> bool:
    """An instance profile is known to EC2 some seconds after it was made."""
    return "instance profile" in error.message.lower()


def _give_reason(instance: Instance, error: AWSError) -> None:
    """Say what the worker is to do about AWS's refusal."""
    logger.warning("instance %s: %s", instance.pk, error.operator)
    if error.kind == "capacity":
        raise LaunchPausedError(f"{error.person} Another zone is tried.", retry_in=0)
    if _is_early(error):
        raise LaunchPausedError("AWS does not know the instance profile yet.", retry_in=_PROFILE_PAUSE)
    if error.kind == "throttled":
        launch_queue.slow_down()
    elif error.kind in _HOLDING:
        launch_queue.hold(_PAUSES[error.kind], error.person)
    if error.retryable:
        raise LaunchPausedError(error.person, retry_in=_PAUSES.get(error.kind, 5.0))
    _fail(instance, code=f"aws-{error.kind}", reason=error.person)


def _fail(instance: Instance, *, code: str, reason: str) -> None:
    instance.move(InstanceState.FAILED, detail=reason, reason=reason)
    remedy = _CAPACITY_REMEDY if code == "aws-capacity" else ""
    raise LaunchFailedError(code=code, reason=reason, remedy=remedy)
