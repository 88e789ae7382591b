"""What a site keeps on its machine: how it is measured, read out, and put in the place of what is there.

All of it is read and written by the site's own user, whom the site's code runs as: an archive of a machine
that somebody has taken over can do no more here than that code itself.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from typing import Any

CURRENT = "/srv/ecdeployer/current"
SHARED = "/srv/ecdeployer/shared"
ENVIRONMENTS = "/etc/ecdeployer/environment"
#: Logs stay with the machine that wrote them; what can be made again is not moved.
FOLDERS = ("backups", "data", "home", "media")
FORGOTTEN = "home/.cache"
AS_SITE = ["setpriv", "--reuid=site", "--regid=site", "--init-groups", "--no-new-privs", "--"]
#: For programs that read and write as the site's user, and for ours.
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
    "LANG": "C.UTF-8",
    "HOME": "/nonexistent",
}
MOVE_IN = """
set -eu
rm -rf .incoming
mkdir -m 700 .incoming
tar --extract --preserve-permissions --no-same-owner --directory .incoming
for each; do
    rm -rf "./$each"
    if [ -d ".incoming/$each" ]; then mv ".incoming/$each" "./$each"; else mkdir "./$each"; fi
done
rm -rf .incoming
"""
NEW_REDIS = """
set -eu
systemctl stop redis-server
install -o redis -g redis -m 660 /dev/stdin /var/lib/redis/dump.rdb
systemctl start redis-server
"""


@dataclass(frozen=True)
class Part:
    """`measure` prints numbers, whose sum is the bytes; `clear` is run before what `fill` reads is there."""

    measure: list[str]
    read: list[str]
    fill: list[str]
    clear: tuple[list[str], ...] = ()


AS_POSTGRES = ["runuser", "-u", "postgres", "--"]
FIND = ["find", *FOLDERS, "-path", FORGOTTEN, "-prune", "-o", "!", "-type", "d", "-printf", "%s\\n"]
PG = ["--no-owner", "--no-privileges"]
#: A database without tables is one that the site does not use.
PG_SIZE = "select case when exists (select from pg_stat_user_tables) then pg_database_size('site') else 0 end"
MYSQL_SIZE = (
    "select coalesce(sum(data_length + index_length), 0) from information_schema.tables "
    "where table_schema = 'site'"
)
#: No keys are no bytes, whatever an empty server takes.
REDIS_SIZE = (
    "if not string.find(redis.call('info', 'keyspace'), 'db%d') then return 0 end "
    "return tonumber(string.match(redis.call('info', 'memory'), 'used_memory:(%d+)'))"
)
KINDS = {
    "files": Part(
        measure=[*AS_SITE, *FIND],
        read=[*AS_SITE, "tar", "--create", "--sparse", f"--exclude={FORGOTTEN}", *FOLDERS],
        fill=[*AS_SITE, "sh", "-c", MOVE_IN, "sh", *FOLDERS],
    ),
    "postgresql": Part(
        measure=[*AS_SITE, "psql", "-Atc", PG_SIZE, "site"],
        read=[*AS_SITE, "pg_dump", "--format=custom", "--compress=0", *PG, "site"],
        fill=[*AS_SITE, "pg_restore", *PG, "--exit-on-error", "--dbname=site"],
        clear=(
            [*AS_POSTGRES, "dropdb", "--if-exists", "--force", "site"],
            [*AS_POSTGRES, "createdb", "--owner=site", "site"],
        ),
    ),
    "mysql": Part(
        measure=[*AS_SITE, "mariadb", "-BNe", MYSQL_SIZE],
        read=[
            *AS_SITE,
            "mariadb-dump",
            "--single-transaction",
            "--hex-blob",
            "--routines",
            "--events",
            "site",
        ],
        fill=[*AS_SITE, "mariadb", "site"],
        clear=(
            ["mariadb", "-e", "drop database if exists site; create database site character set utf8mb4"],
        ),
    ),
    "redis": Part(
        measure=[*AS_SITE, "redis-cli", "eval", REDIS_SIZE, "0"],
        read=[*AS_SITE, "redis-cli", "--rdb", "-"],
        fill=["sh", "-c", NEW_REDIS],
    ),
}


def live() -> tuple[str, dict[str, Any]]:
    """The release that serves, and what it is started with."""
    release = os.path.basename(os.path.realpath(CURRENT))
    with open(f"{ENVIRONMENTS}/{release}.json", encoding="utf-8") as file:
        return release, json.load(file)


def parts(document: dict[str, Any]) -> dict[str, Part]:
    """Those that such a release has on its machine."""
    names = ["files", *(name for name in ("postgresql", "redis") if name in document["services"])]
    if document["database"] == "mysql":
        names.append("mysql")
    return {name: KINDS[name] for name in names}


def measured(part: Part) -> int:
    """Bytes, about. Raises subprocess.CalledProcessError."""
    with subprocess.Popen(
        part.measure, stdout=subprocess.PIPE, text=True, cwd=SHARED, env=ENVIRONMENT
    ) as program:
        total = sum(int(line) for line in program.stdout or () if line.strip())
    if program.returncode:
        raise subprocess.CalledProcessError(program.returncode, part.measure)
    return total


def clear(part: Part) -> None:
    for command in part.clear:
        subprocess.run(command, check=True, cwd="/", env=ENVIRONMENT)
