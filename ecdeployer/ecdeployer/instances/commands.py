"""Run Command on an instance: sending a deployment, asking how far it is, reading the console."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.utils import timezone

from ..aws import ec2, ssm
from ..aws.command_ends import ENDS, UNLISTED, CommandEnd
from ..aws.errors import AWSError
from ..cloud_init import documents
from ..cloud_init.parameters import DeploymentParameters
from . import run_documents
from .connection import aws
from .models import Instance

#: Seconds within which a command has to reach the machine.
_DELIVERY = 120
_QUESTION = 30
#: A command that AWS does not know after that is lost.
LISTING = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class CommandOutcome:
    """``state`` is AWS's word; ``exit_code`` is None until the command has run.

    ``end`` is None while it runs, and when it succeeded.
    """

    state: str
    exit_code: int | None = None
    output: str = ""
    end: CommandEnd | None = None


def send(instance: Instance, parameters: DeploymentParameters, *, since: datetime) -> str:
    """The command's id; one that was sent for this deployment before is found again. Raises AWSError."""
    arguments = documents.deploy_arguments(parameters)
    return send_once(instance, "deploy", identity=parameters.deployment, arguments=arguments, since=since)


def send_once(
    instance: Instance,
    kind: run_documents.Kind,
    *,
    identity: str,
    arguments: Mapping[str, Sequence[str]],
    since: datetime,
) -> str:
    """The command's id at AWS; SendCommand takes no token, so one of this identity is looked for first.

    ``since``: it cannot have been sent before that. Raises AWSError.
    """
    connection, ec2_id = aws(), instance.ec2_id or ""
    found = ssm.find_command(connection, identity, ec2_id, since=since)
    if found:
        return found
    with run_documents.to_send(connection, kind) as document:
        return ssm.send_command(
            connection,
            document=document,
            ec2_id=ec2_id,
            arguments=arguments,
            comment=identity,
            timeout=_DELIVERY,
        )


def outcome(instance: Instance, command_id: str, *, sent_at: datetime) -> CommandOutcome:
    """Raises AWSError; a retryable one while AWS may not list what it has just taken."""
    try:
        result = ssm.command_result(aws(), command_id, instance.ec2_id or "")
    except AWSError as error:
        if error.code != UNLISTED or timezone.now() < sent_at + LISTING:
            raise
        return CommandOutcome(state=UNLISTED, end=ENDS[UNLISTED])
    return CommandOutcome(
        state=result.details or result.status,
        exit_code=result.exit_code,
        output="\n".join(filter(None, (result.stdout, result.stderr))),
        end=result.end,
    )


def status(instance: Instance, deployment_id: str) -> dict[str, Any] | None:
    """What the deployment would have reported; None until the answer is there: ask again. Raises AWSError.

    The question's id waits in the cache; when that is lost, the question is asked once more.
    """
    key = f"status-command-{deployment_id}"
    command_id = cache.get(key)
    if command_id is None:
        cache.set(key, _ask(instance, deployment_id), timeout=10 * _QUESTION)
        return None
    try:
        result = ssm.command_result(aws(), command_id, instance.ec2_id or "")
    except AWSError as error:
        if error.retryable:
            return None
        cache.delete(key)
        raise
    if not result.finished:
        return None
    cache.delete(key)
    return _parse(result.stdout) if result.status == ssm.SUCCESS else None


def console(instance: Instance) -> str:
    """The serial console's last 64 KB. Raises AWSError."""
    return ec2.console_output(aws(), instance.ec2_id or "")


def _ask(instance: Instance, deployment_id: str) -> str:
    with run_documents.to_send(aws(), "status") as document:
        return ssm.send_command(
            aws(),
            document=document,
            ec2_id=instance.ec2_id or "",
            arguments=documents.status_arguments(deployment_id),
            comment=f"status {deployment_id}",
            timeout=_QUESTION,
        )


def _parse(text: str) -> dict[str, Any] | None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
