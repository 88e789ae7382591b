"""What one process of all machines does at a time: a lock of PostgreSQL, held while the process is connected.

An advisory lock belongs to a session: it is gone with the connection, however the process ends. Each lock has
a connection of its own, which must lead to the server itself, or to a pooler that keeps sessions apart.
https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

import os
import socket
from enum import IntEnum

from django.db import DatabaseError, connection

#: The first half of every lock's key, so that it meets no other program's: "ECDD".
_OURS = 0x45434444
#: A holder that is silent for 10 s is looked for by the server, and given up 15 s later: its machine is gone.
_KEEPALIVES = "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3"
_HOLD = """
    SELECT CASE WHEN EXISTS (
        SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objid = %s AND objsubid = 2
        AND pid = pg_backend_pid() AND granted
    ) THEN true ELSE pg_try_advisory_lock(%s, %s) END
"""
_HOLDERS = """
    SELECT application_name, coalesce(host(client_addr), 'this host'), pid
    FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND classid = %s AND objid = %s AND objsubid = 2 AND granted
      AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class Work(IntEnum):
    """What is locked. A number is never used again for something else: releases run side by side."""

    BEAT = 1
    MIGRATIONS = 2


class SessionLock:
    """Where the database is SQLite there is one machine, and the lock is always free.

    ``idle_seconds``: a holder that does not ask for so long loses it, even though its process may live.
    """

    def __init__(self, work: Work, *, idle_seconds: int = 0) -> None:
        self._key = [_OURS, int(work)]
        self._name = f"ecdeployer {work.name.lower()} {socket.gethostname()}:{os.getpid()}"
        self._idle = idle_seconds
        self._shared = connection.vendor == "postgresql"
        self._own = connection.copy()

    def hold(self) -> bool:
        """Whether it is ours, now. Each time the server is asked; raises DatabaseError without its answer."""
        if not self._shared:
            return True
        try:
            if self._own.connection is None:
                self._connect()
            return bool(self._ask(_HOLD, self._key * 2)[0][0])
        except DatabaseError:
            self.release()
            raise

    def holder(self) -> str:
        """Who has it, for a person; empty where nobody does by now."""
        rows = self._ask(_HOLDERS, self._key)
        return ", ".join(f"{name} (server process {pid}, from {host})" for name, host, pid in rows)

    def release(self) -> None:
        """By the end of the connection, which the next question opens again."""
        self._own.close()

    def _connect(self) -> None:
        with self._own.cursor() as cursor:
            cursor.execute(_KEEPALIVES)
            cursor.execute("SELECT set_config('application_name', %s, false)", [self._name[:63]])
            cursor.execute("SELECT set_config('idle_session_timeout', %s, false)", [f"{self._idle}s"])

    def _ask(self, sql: str, given: list[int]) -> list[tuple[str, str, int]]:
        with self._own.cursor() as cursor:
            cursor.execute(sql, given)
            return list(cursor.fetchall())
