"""A command on its way to the machine, and AWS's word on it."""

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import salted_hmac

from ..aws import ssm
from ..aws.command_ends import UNLISTED
from ..aws.errors import AWSError
from ..aws.ssm import CommandResult
from ..cloud_init import documents
from ..deployments import texts
from ..instances.commands import LISTING, send_once
from ..instances.connection import aws
from .models import Command


def report_token(command: Command) -> str:
    """A keyed hash, good for this command alone and until it has ended; nothing of it is stored."""
    return salted_hmac("ecdeployer command token", str(command.pk), algorithm="sha256").hexdigest()


def send(command: Command) -> str:
    """The command's id at AWS; one that was sent before is found again. Raises AWSError."""
    arguments = documents.act_arguments(_request(command))
    return send_once(
        command.instance, "act", identity=str(command.pk), arguments=arguments, since=command.created_at
    )


def _request(command: Command) -> dict[str, object]:
    return {
        "command": str(command.pk),
        "action": command.action,
        "arguments": command.arguments,
        "seconds": command.seconds,
        "report_url": settings.INSTANCE_PORTAL_URL + reverse("commands-reports:receive", args=[command.pk]),
        "report_token": report_token(command),
    }


def outcome(command: Command) -> CommandResult:
    """Raises AWSError; a retryable one while AWS may not list what it has just taken."""
    try:
        return ssm.command_result(aws(), command.command_id, command.instance.ec2_id or "")
    except AWSError as error:
        sent_at = command.started_at or command.created_at
        if error.code != UNLISTED or timezone.now() < sent_at + LISTING:
            raise
        return CommandResult(status=UNLISTED, exit_code=None, stdout="", stderr="")


def hidden(command: Command, text: str) -> str:
    """What a machine printed, fit to be stored and shown."""
    secrets = texts.secrets_of(command.application_id, report_token(command))
    return texts.redact(texts.clean(text), secrets)
