"""What the portal needs, asked for one after another: who has to mend what."""

import logging
import time
from collections.abc import Callable
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

#: A worker's health is a task that went round; one goes every ten seconds.
STALE = timedelta(seconds=60)
#: Seconds for which AWS's answer holds: probes come every few seconds, from several machines.
_AWS_HOLDS = 60.0
_asked_aws: dict[str, float] = {}


@dataclass(frozen=True)
class Part:
    """``state`` is ``ok`` or a word for what is wrong; what exactly stands in the log."""

    name: str
    state: str
    milliseconds: int

    @property
    def is_ok(self) -> bool:
        return self.state == "ok"


def read_parts() -> list[Part]:
    """Each in at most a few seconds; none raises."""
    checks = {"database": _database, "redis": _redis, "aws": _aws, "worker": _worker}
    return [_measured(name, check) for name, check in checks.items()]


def _measured(name: str, check: Callable[[], str]) -> Part:
    began = time.perf_counter()
    try:
        state = check()
    except Exception as error:  # noqa: BLE001 - whatever it is, this part is not ready
        logger.warning("not ready: %s: %s", name, error)
        state = "failing"
    return Part(name, state, round((time.perf_counter() - began) * 1000))


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
    if time.monotonic() - _asked_aws.get("at", -_AWS_HOLDS) < _AWS_HOLDS:
        return "ok"
    try:
        sts.account(aws())
    except AWSError as error:
        logger.warning("not ready: aws: %s", error.operator)
        return error.kind
    _asked_aws["at"] = time.monotonic()
    return "ok"


def _worker() -> str:
    heartbeat = Heartbeat.objects.first()
    if heartbeat is None:
        return "no task went round yet"
    return "ok" if timezone.now() - heartbeat.at < STALE else "no task went round for a minute"
