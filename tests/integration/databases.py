"""Databases on the server that DATABASE_URL names, and what may happen to that server."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import psycopg
from django.db import connections
from psycopg import sql


@contextmanager
def new_database(name: str) -> Iterator[str]:
    """The URL of an empty one, which ends with its use."""
    server, named = os.environ["DATABASE_URL"], sql.Identifier(name)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(named))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(named))
    yield urlsplit(server)._replace(path=f"/{name}").geturl()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(named))


def crash_postgresql(url: str) -> None:
    """A server process that dies by SIGKILL makes the whole server start again, its transactions lost."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        os.kill(row[0], signal.SIGKILL)
        with suppress(psycopg.OperationalError):
            connection.execute("SELECT 1")
    # What other tests of this process have open to the same server is dead as well.
    connections.close_all()
