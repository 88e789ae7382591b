"""Copy the site's SQLite databases aside before they are migrated: backup.py RELEASE, run as the site's user.

Prints where each copy is. One that this release has made before stays: a deployment that was interrupted in
the middle of its migrations begins anew.
"""

import os
import re
import shutil
import sqlite3
import sys
from contextlib import closing

SHARED = "/srv/ecdeployer/shared"
MAGIC = b"SQLite format 3\0"
#: Releases whose copies stay.
KEPT = 5


def databases(directory: str) -> list[str]:
    """The files that are SQLite's, by what they begin with."""
    found = []
    for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
        if entry.is_file(follow_symlinks=False) and entry.stat().st_size:
            with open(entry.path, "rb") as file:
                if file.read(len(MAGIC)) == MAGIC:
                    found.append(entry.path)
    return found


def copy(source: str, target: str) -> None:
    """As it was at one moment. Readers go on; who writes waits until it is done."""
    needed, free = os.path.getsize(source), shutil.disk_usage(os.path.dirname(target)).free
    if needed * 1.1 > free:
        sys.exit(f"The database could not be copied aside: it has {needed:,} bytes, and {free:,} are free.")
    fresh = f"{target}.new"
    os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    with closing(sqlite3.connect(source, timeout=30)) as old, closing(sqlite3.connect(fresh)) as new:
        old.backup(new)
    os.rename(fresh, target)


def name_of(release: str, source: str) -> str:
    base = os.path.basename(source)
    return f"{release}-{base if base.endswith('.sqlite3') else base + '.sqlite3'}"


def prune(directory: str, *, kept: int = KEPT - 1) -> None:
    """Leave the copies of the newest releases, and room for one more."""
    names = [name for name in os.listdir(directory) if re.match(r"\d{6,9}-", name)]
    releases = sorted({name.split("-")[0] for name in names}, key=int)
    gone = set(releases[: max(len(releases) - kept, 0)])
    for name in names:
        if name.split("-")[0] in gone or name.endswith(".new"):
            os.remove(os.path.join(directory, name))


def main(release: str, shared: str = SHARED) -> None:
    directory = os.path.join(shared, "backups")
    prune(directory)
    for source in databases(os.path.join(shared, "data")):
        target = os.path.join(directory, name_of(release, source))
        if not os.path.exists(target):
            try:
                copy(source, target)
            except (sqlite3.Error, OSError) as error:
                sys.exit(f"The database could not be copied aside: {error}")
        print(target)


if __name__ == "__main__":
    main(sys.argv[1])
