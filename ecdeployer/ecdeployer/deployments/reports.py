"""Applying what a machine reports: each event once, each byte of a log once, in whatever order."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from ..machine_reports import CancelledError, EndedError, UnknownError, WrongTokenError
from ..wakeups import wake_deployment
from . import deadlines, texts
from .models import Deployment, Step
from .report_bodies import EventReport, LogPart, Report
from .states import STEP_TRANSITIONS, DeploymentState, StepName, StepState

CHECKING = "The machine's own check passed; now the portal asks for the page at the public address."


@dataclass(frozen=True)
class Known:
    """What the portal has now: the machine goes on from there."""

    event: int
    logs: dict[str, int]
    final: bool


def hash_of(token: str) -> str:
    """What is stored of a report token."""
    return hashlib.sha256(token.encode()).hexdigest()


def authenticate(pk: UUID, token: str) -> None:
    """One query. Raises UnknownError, EndedError, CancelledError or WrongTokenError."""
    wanted = Deployment.objects.only("state", "report_token_hash", "result")
    deployment = wanted.filter(pk=pk).first()
    if deployment is None:
        raise UnknownError
    _refuse_ended(deployment)
    expected = deployment.report_token_hash
    if not expected or not hmac.compare_digest(expected, hash_of(token)):
        raise WrongTokenError


def _refuse_ended(deployment: Deployment) -> None:
    given_up = deployment.state == DeploymentState.FAILED and deployment.result is None
    if deployment.state == DeploymentState.CANCELLED or given_up:
        raise CancelledError
    if deployment.is_final:
        raise EndedError


def apply(pk: UUID, report: Report, *, token: str = "", asked: bool = False) -> Known:
    """Write what is new in it, in one transaction and a small fixed number of queries.

    ``asked``: it is the status document's print, which holds the last part of each log alone. Raises
    EndedError.
    """
    with transaction.atomic():
        deployment = Deployment.objects.select_for_update().get(pk=pk)
        _refuse_ended(deployment)
        known = {step.name: step for step in deployment.steps.defer("log")}
        secrets = texts.secrets_of(deployment.application_id, token) if _has_text(report) else []
        events = [event for event in report.events if event.number > deployment.last_event]
        _move_steps(deployment, known, events, secrets)
        for part in report.logs:
            _add_log(known, part, secrets, asked=asked)
        _write(deployment, report, known, events, secrets)
    offsets = {step.name: step.log_offset for step in known.values() if step.log_offset}
    return Known(event=deployment.last_event, logs=offsets, final=deployment.result is not None)


def _has_text(report: Report) -> bool:
    messages = any(event.message for event in report.events)
    return bool(report.logs or report.changes or report.plan or report.result or messages)


def _move_steps(
    deployment: Deployment, known: dict[str, Step], events: Sequence[EventReport], secrets: list[str]
) -> None:
    moved = set()
    for event in events:
        step = known.get(event.step)
        if step is not None and _move(step, event, _time(event.at, deployment), secrets):
            moved.add(step)
    Step.objects.bulk_update(moved, ["state", "message", "started_at", "finished_at"])


def _move(step: Step, event: EventReport, at: datetime, secrets: list[str]) -> bool:
    """Along the table of transitions alone: a machine that began anew does not undo what has ended."""
    if event.state not in STEP_TRANSITIONS[step.state]:
        return False
    step.message = texts.redact(event.message, secrets)
    step.started_at = step.started_at or at
    if event.step == StepName.HEALTH and event.state == StepState.SUCCEEDED:
        # The last word is the portal's, which asks for the page from outside.
        step.state, step.message = StepState.RUNNING, CHECKING
        return True
    step.state = event.state
    if event.state != StepState.RUNNING:
        step.finished_at = max(at, step.started_at)
    return True


def _time(at: float, deployment: Deployment) -> datetime:
    """The machine's clock, but never outside the deployment."""
    now = timezone.now()
    earliest = deployment.started_at or deployment.queued_at
    return min(max(datetime.fromtimestamp(at, tz=UTC), earliest), now)


def _add_log(known: dict[str, Step], part: LogPart, secrets: list[str], *, asked: bool) -> None:
    step = known.get(part.step)
    if step is None:
        return
    text = texts.redact(part.text, secrets)
    if part.offset != step.log_offset:
        if not asked or part.offset < step.log_offset:
            return
        text = f"[... {part.offset - step.log_offset:,} bytes did not arrive ...]\n{text}"
    texts.append(step.pk, text, offset=part.next)
    step.log_offset = part.next


def _write(
    deployment: Deployment,
    report: Report,
    known: dict[str, Step],
    events: Sequence[EventReport],
    secrets: list[str],
) -> None:
    now = timezone.now()
    changes: dict[str, Any] = {"heard_at": now}
    if events:
        running = [step.name for step in known.values() if step.state == StepState.RUNNING]
        # A machine that begins anew has time for it, and one that goes on telling of beginnings has an end.
        last = (deployment.started_at or deployment.queued_at) + deadlines.of_all(known)
        changes |= {"last_event": events[-1].number, "deadline": min(now + deadlines.of(running), last)}
    launch = known.get(StepName.LAUNCH)
    if launch is None or launch.state == StepState.SUCCEEDED:
        # The machine has all that it needs, and speaks: nobody has to look before its time is over. Before
        # that a worker has.
        silent = now + deadlines.SILENCE
        changes["due_at"] = min(silent, changes.get("deadline") or deployment.deadline or silent)
    changes |= _told_once(deployment, report, secrets)
    if report.result is not None and deployment.result is None:
        changes["result"] = _result(report, secrets)
        changes["deadline"] = now + deadlines.ADDRESS + timedelta(seconds=30)
    if "result" in changes or deployment.result is not None:
        changes["due_at"] = now
    for name, value in changes.items():
        setattr(deployment, name, value)
    deployment.save(update_fields=list(changes))
    if "result" in changes:
        wake_deployment(deployment.pk)


def _told_once(deployment: Deployment, report: Report, secrets: list[str]) -> dict[str, Any]:
    """What the settings module changed, and the plan of migrations: the first that comes is kept."""
    found: dict[str, Any] = {}
    if report.changes and not deployment.changes:
        found["changes"] = [
            {name: texts.redact(text, secrets) for name, text in each.items()} for each in report.changes
        ]
    if report.plan is not None and deployment.plan is None:
        found["plan"] = [_migration(item, secrets) for item in report.plan]
    return found


def _migration(item: dict[str, Any], secrets: list[str]) -> dict[str, Any]:
    """Without secrets; its name stays what it is."""
    operations = [texts.redact(text, secrets) for text in item["operations"]]
    flags = [{**flag, "text": texts.redact(flag["text"], secrets)} for flag in item["flags"]]
    return {**item, "operations": operations, "flags": flags}


def _result(report: Report, secrets: list[str]) -> dict[str, str]:
    assert report.result is not None  # noqa: S101 - the caller has looked
    result = report.result
    return {
        "state": result.state.value,
        "step": result.step.value,
        "reason": texts.redact(result.reason, secrets),
        "code": result.code,
    }
