"""What the portal needs, asked for side by side: who has to mend what."""

import contextvars
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import timedelta

from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from redis import RedisError

from ..aws import sts
from ..aws.errors import AWSError
from ..instances.connection import aws
from .models import Heartbeat

logger = logging.getLogger(__name__)

_now = time.monotonic
#: Seconds. A probe takes no longer, whatever its parts do.
LIMIT = 2.0
#: A worker's health is a task that went round; one goes every ten seconds.
STALE = timedelta(seconds=60)


@dataclass(frozen=True)
class Part:
    """``state`` is ``ok`` or a word for what is wrong; what exactly stands in the log."""

    name: str
    state: str
    milliseconds: int

    @property
    def is_ok(self) -> bool:
        return self.state == "ok"


class Check:
    """One part, asked by one thread at a time however many probes want to know.

    An answer holds for some seconds, a bad one for fewer. A probe that cannot wait leaves the question
    running, and the next one finds its answer.
    """

    def __init__(self, name: str, ask: Callable[[], str], *, holds: float = 1, bad_holds: float = 1) -> None:
        self.name = name
        self._ask = ask
        self._holds = {True: holds, False: bad_holds}
        self._lock = threading.Lock()
        self._answer: Future[Part] | None = None
        self._good_until = 0.0

    def begin(self) -> Future[Part]:
        with self._lock:
            answer = self._answer
            if answer is None or (answer.done() and _now() >= self._good_until):
                answer = self._answer = Future()
                run = contextvars.copy_context().run
                threading.Thread(target=run, args=(self._find, answer), daemon=True).start()
            return answer

    def _find(self, answer: "Future[Part]") -> None:
        began = _now()
        try:
            state = self._ask()
        except Exception as error:  # noqa: BLE001 - whatever it is, this part is not ready
            logger.warning("not ready: %s: %s", self.name, error)
            state = "failing"
        finally:
            connection.close()
        ended = _now()
        self._good_until = ended + self._holds[state == "ok"]
        answer.set_result(Part(self.name, state, round((ended - began) * 1000)))


def read_parts() -> list[Part]:
    """All of them within LIMIT; none raises."""
    answers = {check.name: check.begin() for check in CHECKS}
    wait(answers.values(), timeout=LIMIT)
    late = round(LIMIT * 1000)
    return [
        answer.result() if answer.done() else Part(name, "no answer in time", late)
        for name, answer in answers.items()
    ]


def _database() -> str:
    executor = MigrationExecutor(connection)
    return "not migrated" if executor.migration_plan(executor.loader.graph.leaf_nodes()) else "ok"


def _redis() -> str:
    """The cache ignores a Redis that is away; its client does not."""
    client = getattr(cache, "client", None)
    if client is not None and not client.get_client(write=True).ping():
        raise RedisError("no answer to PING")
    return "ok"


def _aws() -> str:
    try:
        sts.account(aws())
    except AWSError as error:
        logger.warning("not ready: aws: %s", error.operator)
        return error.kind
    return "ok"


def _worker() -> str:
    heartbeat = Heartbeat.objects.first()
    if heartbeat is None:
        return "no task went round yet"
    return "ok" if timezone.now() - heartbeat.at < STALE else "no task went round for a minute"


#: Probes come every few seconds, from several machines: AWS is not asked by each.
CHECKS = (
    Check("database", _database),
    Check("redis", _redis),
    Check("aws", _aws, holds=30, bad_holds=5),
    Check("worker", _worker),
)
