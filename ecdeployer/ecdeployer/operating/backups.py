"""Copies of the portal's database, by PostgreSQL's own programs, in files or in S3.

Whoever holds a copy and SECRET_KEY can read every environment in it; the key is not in it.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from django.db import connection

from ..aws import s3
from ..deployments import restoring
from ..instances.connection import aws
from ..instances.models import FleetWatch

_S3 = "s3://"
#: Nobody is asked for a password; whoever restores it owns what is in it.
_QUIETLY = ("--no-password", "--no-owner", "--no-privileges")


class BackupError(Exception):
    """For whoever asked: what stands in the way."""


def back_up(place: str, *, at: datetime) -> str:
    """Where the copy is now: below ``place``, a folder or ``s3://BUCKET/PREFIX``. It is as of one moment.

    Raises BackupError or AWSError.
    """
    name = f"{at:ecdeployer-%Y%m%dT%H%M%SZ}.dump"
    target = f"{place.rstrip('/')}/{name}"
    if place.startswith(_S3):
        bucket, key = _object(target)
        with _scratch(name) as file:
            _dump(file)
            s3.put_file(aws(), bucket, key, file)
    else:
        _dump(Path(target))
    return target


def restore(source: str) -> None:
    """Into the database of DATABASE_URL, which has to be empty; all of it or nothing.

    Whatever the copy says, this database has watched no machine yet: it ends none that it does not know
    (docs/decisions/0012-which-database-may-end-machines.md), nor one that the copy sees being made. Raises
    BackupError or AWSError.
    """
    _check_postgresql()
    if connection.introspection.table_names():
        raise BackupError("The database is not empty: a copy is restored into an empty one.")
    if source.startswith(_S3):
        with _scratch(source.rpartition("/")[2]) as file:
            s3.get_file(aws(), *_object(source), file)
            _load(file)
    else:
        _load(Path(source))
    FleetWatch.objects.all().delete()
    restoring.close_unfinished()


def _dump(file: Path) -> None:
    _check_postgresql()
    file.touch(mode=0o600)
    _run("pg_dump", "--format=custom", f"--file={file}")


def _load(file: Path) -> None:
    _run("pg_restore", "--exit-on-error", "--single-transaction", str(file))


def _run(program: str, *arguments: str) -> None:
    """The password goes by the environment: everybody may read a process's arguments."""
    command, given = connection.client.settings_to_cmd_args_env(connection.settings_dict, [])
    *server, database = command[1:]
    whole = [program, *server, f"--dbname={database}", *_QUIETLY, *arguments]
    try:
        done = subprocess.run(
            whole, env={**os.environ, **(given or {})}, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise BackupError(f"{program} is not installed: Debian has it in postgresql-client.") from error
    if done.returncode:
        raise BackupError(f"{program} ended with {done.returncode}: {done.stderr.strip()}")


def _check_postgresql() -> None:
    if connection.vendor != "postgresql":
        raise BackupError("The database is SQLite: its file is all there is to copy, while nothing runs.")


@contextmanager
def _scratch(name: str) -> Iterator[Path]:
    """In a folder that nobody else reads, and that goes."""
    with tempfile.TemporaryDirectory(prefix="ecdeployer-backup-") as folder:
        yield Path(folder) / name


def _object(address: str) -> tuple[str, str]:
    parts = urlsplit(address)
    if not parts.netloc or not parts.path.strip("/"):
        raise BackupError(f"{address} names no object: s3://BUCKET/PREFIX is wanted.")
    return parts.netloc, parts.path.strip("/")
