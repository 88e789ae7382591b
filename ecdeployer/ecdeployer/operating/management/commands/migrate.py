"""Django's own ``migrate``, one at a time however many machines are updated at once."""

import time
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate

from ....session_locks import SessionLock, Work

#: Seconds between two looks. Nothing waits inside PostgreSQL: a transaction that does would hold up an index
#: that the other one makes CONCURRENTLY.
_PAUSE = 0.5


class Command(migrate.Command):
    help = f"{migrate.Command.help} Waits while another process migrates the same database."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--wait",
            type=float,
            default=600,
            metavar="SECONDS",
            help="How long another process may migrate the same database before this one gives up (600).",
        )

    def handle(self, *args: Any, wait: float, **options: Any) -> None:
        lock = SessionLock(Work.MIGRATIONS)
        try:
            self._take(lock, wait=wait)
            super().handle(*args, **options)
        finally:
            lock.release()

    def _take(self, lock: SessionLock, *, wait: float) -> None:
        deadline, told = time.monotonic() + wait, "Another process"
        while not lock.hold():
            holder = lock.holder()
            if holder and holder != told:
                self.stdout.write(f"Waiting for {holder}, which migrates this database.")
                told = holder
            if time.monotonic() > deadline:
                raise CommandError(f"{told} still migrates this database after {wait:g} s.")
            time.sleep(_PAUSE)
