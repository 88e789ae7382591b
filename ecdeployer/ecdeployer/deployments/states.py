"""The life of a deployment and of its steps."""

from django.db import models


class DeploymentState(models.TextChoices):
    QUEUED = "queued", "queued"
    RUNNING = "running", "running"
    SUCCEEDED = "succeeded", "went live"
    FAILED = "failed", "failed"
    CANCELLED = "cancelled", "cancelled"
    SKIPPED = "skipped", "not needed"


UNFINISHED = (DeploymentState.QUEUED, DeploymentState.RUNNING)


class StepState(models.TextChoices):
    PENDING = "pending", "waiting"
    RUNNING = "running", "running"
    SUCCEEDED = "succeeded", "done"
    FAILED = "failed", "failed"
    SKIPPED = "skipped", "skipped"


class StepName(models.TextChoices):
    """In the order in which they run; the labels are what the page shows."""

    PREFLIGHT = "preflight", "Read the repository"
    LAUNCH = "launch", "Launch the instance"
    BOOT = "boot", "Boot"
    CLONE = "clone", "Clone the commit"
    VENV = "venv", "Create the virtual environment"
    INSTALL = "install", "Install dependencies"
    CONFIGURE = "configure", "Configure gunicorn, nginx and supervisor"
    COLLECTSTATIC = "collectstatic", "Collect static files"
    MIGRATE = "migrate", "Migrate the database"
    START = "start", "Start"
    HEALTH = "health", "Check the site"
    MOVE = "move", "Move the data"
    ADDRESS = "address", "Move the address"


D = DeploymentState
#: ``skipped``: a newer one took its place in the queue, or its commit was live already.
DEPLOYMENT_TRANSITIONS: dict[str, frozenset[str]] = {
    D.QUEUED: frozenset({D.RUNNING, D.FAILED, D.CANCELLED, D.SKIPPED}),
    D.RUNNING: frozenset({D.SUCCEEDED, D.FAILED, D.CANCELLED, D.SKIPPED}),
    D.SUCCEEDED: frozenset(),
    D.FAILED: frozenset(),
    D.CANCELLED: frozenset(),
    D.SKIPPED: frozenset(),
}

T = StepState
STEP_TRANSITIONS: dict[str, frozenset[str]] = {
    T.PENDING: frozenset({T.RUNNING, T.SUCCEEDED, T.FAILED, T.SKIPPED}),
    T.RUNNING: frozenset({T.SUCCEEDED, T.FAILED, T.SKIPPED}),
    T.SUCCEEDED: frozenset(),
    T.FAILED: frozenset(),
    T.SKIPPED: frozenset(),
}

#: Another machine takes the place of the one that serves: what it keeps and its address go over.
REBUILD_STEPS = tuple(StepName)
_MOVING = {StepName.MOVE, StepName.ADDRESS}
FIRST_DEPLOYMENT_STEPS = tuple(name for name in StepName if name not in _MOVING)
#: The machine is there already: a later deployment neither launches nor boots.
LATER_DEPLOYMENT_STEPS = tuple(
    name for name in FIRST_DEPLOYMENT_STEPS if name not in {StepName.LAUNCH, StepName.BOOT}
)
#: The release is on the machine: it is started, asked, and nginx pointed at it.
ROLLBACK_STEPS = (StepName.START, StepName.HEALTH)
