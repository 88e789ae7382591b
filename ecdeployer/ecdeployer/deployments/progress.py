"""A deployment as its page shows it: ordered steps with state, time and the tail of their logs."""

import datetime as dt
import hashlib
import math
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import F
from django.db.models.functions import Length, Right
from django.utils import timezone

from .models import Deployment, Step
from .states import DeploymentState, StepName, StepState

#: Characters of a log that stand on the page; the rest is behind a link.
TAIL = 65_536
LAST_LINES = 25
#: Seconds since it was asked for, and between two questions of its page until then.
PAUSES = ((30, 1), (300, 2), (math.inf, 5))
_FINISHED = {StepState.SUCCEEDED, StepState.SKIPPED}


@dataclass(frozen=True, kw_only=True)
class StepView:
    name: str
    label: str
    state: str
    message: str
    log: str
    log_length: int
    started_at: dt.datetime | None
    finished_at: dt.datetime | None

    @property
    def state_label(self) -> str:
        return StepState(self.state).label

    @property
    def seconds(self) -> float | None:
        """How long it took, or has taken until now."""
        if self.started_at is None:
            return None
        return max(((self.finished_at or timezone.now()) - self.started_at).total_seconds(), 0)

    @property
    def is_cut(self) -> bool:
        return self.log_length > len(self.log)

    @property
    def is_open(self) -> bool:
        """Its log is what the reader waits for; the end of a failed one stands at the top of the page."""
        return self.state == StepState.RUNNING

    @property
    def last_lines(self) -> str:
        return "\n".join(self.log.rstrip().splitlines()[-LAST_LINES:])


@dataclass(frozen=True, kw_only=True)
class Progress:
    deployment: Deployment
    steps: list[StepView] = field(default_factory=list)

    @property
    def finished(self) -> int:
        return sum(step.state in _FINISHED for step in self.steps)

    @property
    def current(self) -> StepView | None:
        """The step that runs, or else the next one, while the deployment is unfinished."""
        if self.deployment.is_final:
            return None
        ahead = [step for step in self.steps if step.state not in _FINISHED]
        return next((step for step in ahead if step.state == StepState.RUNNING), ahead[0] if ahead else None)

    @property
    def current_number(self) -> int:
        return self.steps.index(self.current) + 1 if self.current else 0

    @property
    def failed(self) -> StepView | None:
        if self.deployment.state != DeploymentState.FAILED:
            return None
        return next((step for step in self.steps if step.name == self.deployment.failed_step), None)

    @property
    def seconds(self) -> float | None:
        """From the click to the end, the wait in the queue included."""
        end = self.deployment.finished_at or timezone.now()
        return max((end - self.deployment.queued_at).total_seconds(), 0)

    @property
    def pause(self) -> int:
        """Seconds until its page asks again: most end in half a minute; what takes longer moves seldom."""
        since = (timezone.now() - self.deployment.queued_at).total_seconds()
        return next(pause for limit, pause in PAUSES if since < limit)


def read_progress(deployment: Deployment) -> Progress:
    """One query: every step of it, each with the tail of its log."""
    rows = (
        Step.objects.filter(deployment=deployment)
        .order_by("position")
        .annotate(tail=Right("log", TAIL), log_length=Length("log"))
        .values_list("name", "state", "message", "tail", "log_length", "started_at", "finished_at")
    )
    return Progress(deployment=deployment, steps=[_step(*row) for row in rows])


def _step(
    name: str,
    state: str,
    message: str,
    tail: str,
    log_length: int,
    started_at: dt.datetime | None,
    finished_at: dt.datetime | None,
) -> StepView:
    return StepView(
        name=name,
        label=StepName(name).label,
        state=state,
        message=message,
        log=tail,
        log_length=log_length,
        started_at=started_at,
        finished_at=finished_at,
    )


def fingerprint(*parts: object) -> str:
    """An ETag's text, of whatever has a repr of its own."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def read_steps(deployment_id: UUID) -> list[tuple[Any, ...]]:
    """What of its steps may move, in one query that reads no log."""
    steps = Step.objects.filter(deployment_id=deployment_id).order_by("position")
    return list(steps.values_list("state", "log_offset", Length(F("log")), "message", "finished_at"))
