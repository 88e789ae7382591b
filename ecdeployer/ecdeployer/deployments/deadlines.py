"""How long everything may take: each wait of a deployment ends, and each end has a reason."""

from collections.abc import Iterable
from datetime import timedelta

from .states import StepName

#: The machine's own limits for a step are shorter, so that its reason is the one that is shown.
DEADLINES: dict[StepName, timedelta] = {
    StepName.PREFLIGHT: timedelta(minutes=6),
    # AWS may have no machine free, or its limit may be reached: a place is waited for.
    StepName.LAUNCH: timedelta(minutes=30),
    StepName.BOOT: timedelta(minutes=6),
    StepName.CLONE: timedelta(minutes=12),
    StepName.VENV: timedelta(minutes=7),
    StepName.INSTALL: timedelta(minutes=45),
    StepName.CONFIGURE: timedelta(minutes=15),
    StepName.COLLECTSTATIC: timedelta(minutes=20),
    StepName.MIGRATE: timedelta(minutes=60),
    StepName.START: timedelta(minutes=5),
    StepName.HEALTH: timedelta(minutes=10),
    StepName.MOVE: timedelta(minutes=120),
    StepName.ADDRESS: timedelta(minutes=5),
}
#: Between the end of one step and the beginning of the next.
GAP = timedelta(minutes=3)
#: For a worker to take up what waits for nothing else.
QUEUE = timedelta(hours=1)
#: For the command of a later deployment to reach its machine.
COMMAND = timedelta(minutes=10)
#: Without a word from the machine: it is asked.
SILENCE = timedelta(seconds=20)
#: For the site's public address to answer, once the machine says that the site is live.
ADDRESS = timedelta(seconds=60)


def of(running: Iterable[str]) -> timedelta:
    """For the steps that run now, side by side."""
    return max((DEADLINES[StepName(name)] for name in running), default=GAP)


def of_all(names: Iterable[str]) -> timedelta:
    """For these steps one after the other, whatever a machine reports of them."""
    return sum((DEADLINES[StepName(name)] + GAP for name in names), start=timedelta())
