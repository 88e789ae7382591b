"""Beat on every machine, and its work once: the process that holds the lock sends, the others wait for it."""

import logging
from datetime import UTC, datetime
from typing import Any

from celery.beat import Scheduler
from django.db import DatabaseError

from ..session_locks import SessionLock, Work

logger = logging.getLogger(__name__)

#: Seconds between two questions whether this process leads. They also show the server that it lives.
_PAUSE = 1.0
#: A leader that has not asked for so long is stopped, stuck or gone. Another takes over.
_SILENCE = 10
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class LeadingScheduler(Scheduler):
    """Remembers nothing on disk: who begins to lead sends everything once, as tasks may run twice."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._lock = SessionLock(Work.BEAT, idle_seconds=_SILENCE)
        self._leads = False

    def tick(self, *given: Any, **named: Any) -> float:
        """Seconds until the next one."""
        leads = self._is_leader()
        if leads and not self._leads:
            self._make_all_due()
        self._leads = leads
        return min(super().tick(*given, **named), _PAUSE) if leads else _PAUSE

    def _is_leader(self) -> bool:
        try:
            return self._lock.hold()
        except DatabaseError as error:
            logger.warning("beat: nobody knows who leads: %s", error)
            return False

    def _make_all_due(self) -> None:
        logger.info("beat: leads")
        for entry in self.schedule.values():
            entry.last_run_at = _LONG_AGO
        self._heap = None

    def close(self) -> None:
        super().close()
        self._lock.release()
