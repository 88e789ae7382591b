"""The life of an instance. The words from ``pending`` to ``terminated`` are EC2's own."""

from django.db import models


class InstanceState(models.TextChoices):
    REQUESTED = "requested", "requested"
    LAUNCHING = "launching", "launching"
    PENDING = "pending", "pending"
    RUNNING = "running", "running"
    STOPPING = "stopping", "stopping"
    STOPPED = "stopped", "stopped"
    SHUTTING_DOWN = "shutting-down", "shutting down"
    TERMINATED = "terminated", "terminated"
    FAILED = "failed", "failed"


S = InstanceState
_GONE = {S.SHUTTING_DOWN, S.TERMINATED}

#: ``requested``: recorded, nothing asked of AWS. ``launching``: a launch attempt is committed, so a machine
#: may exist. ``failed``: no machine exists and none will.
INSTANCE_TRANSITIONS: dict[str, frozenset[str]] = {
    S.REQUESTED: frozenset({S.LAUNCHING, S.FAILED, S.TERMINATED}),
    S.LAUNCHING: frozenset({S.PENDING, S.RUNNING, S.STOPPING, S.STOPPED, S.FAILED, *_GONE}),
    S.PENDING: frozenset({S.RUNNING, S.STOPPING, S.STOPPED, *_GONE}),
    S.RUNNING: frozenset({S.STOPPING, S.STOPPED, *_GONE}),
    S.STOPPING: frozenset({S.STOPPED, S.PENDING, S.RUNNING, *_GONE}),
    S.STOPPED: frozenset({S.PENDING, S.RUNNING, *_GONE}),
    S.SHUTTING_DOWN: frozenset({S.TERMINATED}),
    S.TERMINATED: frozenset(),
    S.FAILED: frozenset(),
}
