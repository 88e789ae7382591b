"""Moving a record from one state to the next: one transaction of a conditional update, an event, and what
follows from it for the application's own row."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import models

from .applications.models import Application


class IllegalTransitionError(Exception):
    """A move that the table of transitions does not have: a defect of the caller, never of chance."""


class StatefulModel(models.Model):
    """A record of an application whose ``state`` moves only along TRANSITIONS, by ``move``.

    ``revision`` grows by one with every change that a page shows, so that it can serve as an ETag.
    """

    TRANSITIONS: Mapping[str, frozenset[str]]
    application_id: UUID

    state = models.CharField(max_length=16, db_index=True)
    revision = models.PositiveIntegerField(default=0)

    class Meta:
        abstract = True

    def move(
        self, to: str, *, expected: Mapping[str, Any] | None = None, detail: str = "", **changes: Any
    ) -> bool:
        """Compare-and-set: move from the state that this object was read in, and record an event.

        ``expected`` adds columns that must be unchanged as well (an attempt number). False when another
        process was first: nothing is written then, and the object is stale. Raises IllegalTransitionError.
        """
        if to not in self.TRANSITIONS[self.state]:
            raise IllegalTransitionError(f"{type(self).__name__} {self.pk}: {self.state} -> {to}")
        rows = type(self)._default_manager.filter(pk=self.pk, state=self.state, **(expected or {}))
        with Application.kept(self.application_id):
            if not rows.update(state=to, revision=models.F("revision") + 1, **changes):
                return False
            before = self.state
            for name, value in {"state": to, **changes}.items():
                setattr(self, name, value)
            self.record_event(before, to, detail)
        return True

    def record_event(self, before: str, after: str, detail: str) -> None:
        """Append what happened to the history of the application that this record belongs to."""
        raise NotImplementedError

    @property
    def is_final(self) -> bool:
        return not self.TRANSITIONS[self.state]
