"""A worker that is told to end in the middle of a task: the task ends, or another worker gets it."""

import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from tests.integration.deployment_stack import Stack, bare_stack, start_worker, wait_until

SEND = "from ecdeployer.operating.tasks import beat; beat.delay()"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with bare_stack(tmp_path, database="worker_ends") as stack:
        stack.manage("migrate", "--verbosity=0")
        start_worker(stack)
        yield stack


@pytest.fixture
def redis(stack: Stack) -> Iterator[Redis]:
    with Redis.from_url(stack.environment["REDIS_URL"]) as redis:
        yield redis


@pytest.fixture
def held(stack: Stack) -> Iterator[psycopg.Connection]:
    """The table that the task writes to, as long as this is open: the task waits for it."""
    with closing(psycopg.connect(stack.environment["DATABASE_URL"])) as connection:
        connection.execute("LOCK TABLE operating_heartbeat")
        yield connection


def send(stack: Stack) -> None:
    stack.manage("shell", "--verbosity=0", "-c", SEND)


def waiting(redis: Redis) -> int:
    return int(redis.llen("ecdeployer-celery"))


def taken(redis: Redis) -> int:
    return int(redis.hlen("ecdeployer-unacked"))


def beats(stack: Stack) -> int:
    with psycopg.connect(stack.environment["DATABASE_URL"]) as connection:
        row = connection.execute("SELECT count(*) FROM operating_heartbeat").fetchone()
    return row[0] if row else 0


def begin(stack: Stack, redis: Redis) -> None:
    """A task is in its middle, and the worker is told to end."""
    send(stack)
    wait_until(lambda: taken(redis) == 1, seconds=60)
    stack.programs["worker"].send_signal(signal.SIGTERM)
    wait_until(lambda: "Warm shutdown" in stack.text("worker"), seconds=10)


def test_what_is_begun_ends_and_nothing_else_is_begun(
    stack: Stack, redis: Redis, held: psycopg.Connection
) -> None:
    begin(stack, redis)
    send(stack)
    assert stack.programs["worker"].poll() is None
    # In its last second of listening Redis may have sent it the other, which it gives back when it ends.
    assert taken(redis) == 1
    held.rollback()
    assert stack.programs["worker"].wait(60) == 0
    assert (taken(redis), waiting(redis), beats(stack)) == (0, 1, 1)
    start_worker(stack)
    wait_until(lambda: (taken(redis), waiting(redis)) == (0, 0), seconds=60)


def test_what_does_not_end_in_time_goes_to_another_worker(
    stack: Stack, redis: Redis, held: psycopg.Connection
) -> None:
    began = time.monotonic()
    begin(stack, redis)
    wait_until(lambda: (taken(redis), waiting(redis)) == (0, 1), seconds=60)
    assert time.monotonic() - began > 30
    stack.programs["worker"].wait(60)
    start_worker(stack)
    wait_until(lambda: taken(redis) == 1, seconds=60)
    held.rollback()
    wait_until(lambda: beats(stack) == 1, seconds=60)
    wait_until(lambda: taken(redis) == 0, seconds=10)
