"""The life of a change of a machine."""

from django.db import models


class ChangeState(models.TextChoices):
    RUNNING = "running", "under way"
    SUCCEEDED = "succeeded", "done"
    FAILED = "failed", "failed"


S = ChangeState
UNFINISHED = (S.RUNNING,)
CHANGE_TRANSITIONS: dict[str, frozenset[str]] = {
    S.RUNNING: frozenset({S.SUCCEEDED, S.FAILED}),
    S.SUCCEEDED: frozenset(),
    S.FAILED: frozenset(),
}
