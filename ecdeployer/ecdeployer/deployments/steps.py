"""Moving the steps of a deployment. Each move is conditional: a step that has ended stays as it ended."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.utils import timezone

from .models import Deployment, Step
from .states import STEP_TRANSITIONS, StepName, StepState


def before(state: StepState) -> list[str]:
    """The states from which a step may come to this one."""
    return [source for source, targets in STEP_TRANSITIONS.items() if state in targets]


def begin(deployment: Deployment, name: StepName, *, message: str = "", at: datetime | None = None) -> bool:
    """Whether it was waiting until now."""
    return _move(deployment, name, StepState.RUNNING, message=message, started_at=at or timezone.now())


def end(
    deployment: Deployment,
    name: StepName,
    state: StepState,
    *,
    message: str = "",
    at: datetime | None = None,
) -> bool:
    """Succeeded, failed or skipped; whether it had not ended before."""
    now = at or timezone.now()
    step = Step.objects.filter(deployment=deployment, name=name)
    step.filter(state=StepState.PENDING, started_at=None).update(started_at=now)
    return _move(deployment, name, state, message=message, finished_at=now)


def tell(deployment: Deployment, name: StepName, message: str) -> None:
    """What the step waits for, on the page."""
    unfinished = Step.objects.filter(deployment=deployment, name=name, finished_at=None)
    unfinished.exclude(message=message).update(message=message)


def stop(deployment: Deployment, *, message: str, but: Iterable[str] = ()) -> None:
    """End what runs, since the deployment ends. What had not begun stays as it is."""
    running = Step.objects.filter(deployment=deployment, state=StepState.RUNNING).exclude(name__in=list(but))
    running.update(state=StepState.SKIPPED, message=message, finished_at=timezone.now())


def _move(deployment: Deployment, name: StepName, state: StepState, **changes: Any) -> bool:
    step = Step.objects.filter(deployment=deployment, name=name, state__in=before(state))
    return bool(step.update(state=state, **changes))
