"""Applying what a machine reports of a command: each byte of its output once."""

import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from ..applications.models import Application
from ..aws.ssm import CommandResult
from ..machine_reports import CancelledError, ReportError, UnknownError, WrongTokenError
from ..maintenance.models import Maintenance
from . import machine, output, sources
from .models import Command
from .report_bodies import Report, read
from .states import CommandState

#: While it speaks, nobody has to look.
SPEAKS = timedelta(seconds=20)
FORGOTTEN = "Nobody looked at it any more."


def authenticate(pk: UUID, token: str) -> None:
    """One query. Raises UnknownError, WrongTokenError or CancelledError."""
    command = Command.objects.only("state", "application", "wanted_until").filter(pk=pk).first()
    if command is None:
        raise UnknownError
    if not hmac.compare_digest(machine.report_token(command), token):
        raise WrongTokenError
    if command.is_final or is_let_go(command):
        raise CancelledError


def is_let_go(command: Command) -> bool:
    """End what nobody looks at any more; whether that was so."""
    now = timezone.now()
    return command.is_forgotten(now) and command.move(
        CommandState.CANCELLED, reason=FORGOTTEN, finished_at=now, due_at=None
    )


def apply(pk: UUID, report: Report) -> int:
    """Write what is new; how many bytes of the output are in. Raises CancelledError."""
    with _held(pk, ends=report.exit_code is not None) as command:
        if command.is_final:
            raise CancelledError
        now = timezone.now()
        command.heard_at, command.due_at = now, min(now + SPEAKS, command.deadline)
        if report.offset == command.output_offset and report.next > report.offset:
            _add(command, report)
        command.save(update_fields=["heard_at", "due_at", "output_length", "output_offset"])
        if report.exit_code is not None and report.next == command.output_offset:
            _end(command, report)
        return command.output_offset


def end_with_print(command: Command, outcome: CommandResult) -> None:
    """The machine could not report: AWS has the end of what it printed."""
    try:
        report = read(json.loads(outcome.stdout)) if outcome.status == "Success" else None
    except (ValueError, ReportError):
        report = None
    with _held(command.pk, ends=True) as command:
        if command.is_final:
            return
        if report is None or report.exit_code is None:
            why = outcome.end.person if outcome.end else ""
            said = "\n".join(filter(None, (outcome.stdout, outcome.stderr)))
            report = Report(offset=0, next=0, text=said, exit_code=-1, reason=why)
        if report.next > command.output_offset or not command.output_length:
            missing = report.offset > command.output_offset
            _add(command, report, gap="\n[... what came between did not arrive ...]\n" if missing else "")
            command.save(update_fields=["output_length", "output_offset"])
        _end(command, report)


def _add(command: Command, report: Report, *, gap: str = "") -> None:
    text = machine.hidden(command, report.text)
    if command.action == Command.Action.LOGS and report.offset == 0:
        text = sources.take(command, text)
    output.add(command, gap + text)
    command.output_offset = report.next


@contextmanager
def _held(pk: UUID, *, ends: bool) -> Iterator[Command]:
    """The command, locked in one transaction; the application first where it may move."""
    rows = Command.objects.filter(pk=pk)
    application = rows.values_list("application", flat=True).get()
    with Application.kept(application) if ends else transaction.atomic():
        yield rows.select_for_update().get()


def _end(command: Command, report: Report) -> None:
    reason = machine.hidden(command, report.reason)
    state = CommandState.FAILED if report.exit_code else CommandState.SUCCEEDED
    if command.state == CommandState.QUEUED:
        # It was sent, and the worker that sent it died before it could say so.
        command.move(CommandState.RUNNING, started_at=timezone.now())
    command.move(
        state,
        detail=reason or f"exit code {report.exit_code}",
        exit_code=report.exit_code,
        reason=reason,
        finished_at=timezone.now(),
        due_at=None,
    )
    if command.action == Command.Action.MAINTENANCE and state == CommandState.SUCCEEDED:
        Maintenance.confirm(command.instance, revision=command.arguments["revision"])
