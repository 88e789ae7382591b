"""Read a log of this machine: logs.py, with the question as JSON on stdin.

The first line tells which logs there are; lines of the one that was asked for follow, the newest last. It
runs as an account that owns nothing and may read logs. A log's name is made from its files' names, never the
other way round, and no link is followed. Lines are whatever a site has printed.
"""

import contextlib
import datetime as dt
import gzip
import json
import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

ROOT = ""
#: Folder, file name before its end, and the log's name; left empty, the file's own.
KINDS = (
    ("/var/log/ecdeployer", r"site-\d{6,9}", "web"),
    ("/var/log/ecdeployer", r"(?:process|schedule)-[A-Za-z0-9_-]{1,64}", ""),
    ("/var/log/nginx", r"(?:ecdeployer\.)?access", "nginx-access"),
    ("/var/log/nginx", "error", "nginx-error"),
    ("/var/log/supervisor", "supervisord", "supervisor"),
)
END = r"\.log(?:\.(\d{1,3})(\.gz)?)?"
SYSTEM = "system"
UNITS = ("nginx", "supervisor", "ecdeployer-*", "redis-server", "postgresql@*", "mariadb", "cloud-final")
#: Bytes: of an answer, of a download, of what is searched, of a piece that is read at once, of a line.
ANSWER, WHOLE, SEARCHED, BLOCK, LONGEST = 256 * 1024, 10_000_000, 64 << 20, 1 << 16, 1 << 20
#: Of what is followed: seconds in all and between two looks, bytes that are read and shown for each.
FOLLOWED, LOOK, READ, SHOWN = 900.0, 0.2, 1 << 20, 16_000
LISTED = 100
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
ISO = re.compile(rb"(\d{4})[-/](\d\d)[-/](\d\d)[ T](\d\d):(\d\d):(\d\d)")
NGINX = re.compile(rb"\[(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) \+0000\]")


class File(NamedTuple):
    """``number`` grows with each rotation; ``key`` stays."""

    source: str
    path: str
    number: int
    packed: bool
    size: int
    changed: float
    key: tuple[int, int]


def files(source: str = "") -> list[File]:
    """Of one log, or of all: what was written last comes last."""
    found = [file for kind in KINDS for file in _of_kind(*kind) if source in ("", file.source)]
    return sorted(found, key=lambda file: (file.changed, -file.number))


def _of_kind(folder: str, pattern: str, source: str) -> Iterator[File]:
    with contextlib.suppress(OSError):
        for entry in os.scandir(ROOT + folder):
            match = re.fullmatch(f"({pattern}){END}", entry.name, re.ASCII)
            if not match:
                continue
            with contextlib.suppress(OSError):
                about = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(about.st_mode):
                    number, packed, key = int(match[2] or 0), bool(match[3]), (about.st_dev, about.st_ino)
                    name = source or match[1]
                    yield File(name, entry.path, number, packed, about.st_size, about.st_mtime, key)


def listing() -> list[dict[str, Any]]:
    """Every log with its size and the time of its last line."""
    sums: dict[str, dict[str, Any]] = {}
    for file in files():
        one = sums.setdefault(file.source, {"name": file.source, "size": 0, "changed": 0})
        one["size"] += file.size
        one["changed"] = max(one["changed"], int(file.changed))
    system = {"name": SYSTEM, "size": None, "changed": None}
    return [*sorted(sums.values(), key=lambda one: str(one["name"]))[: LISTED - 1], system]


def opened(file: File) -> Any:
    """Raises OSError; for a link, too."""
    descriptor = os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    return open(descriptor, "rb")


class Files:
    """A log of files, rotated ones among them."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.seen = {file.key: file.size for file in files(source)}

    def backwards(self, since: float) -> Iterator[bytes]:
        """Lines, the newest first."""
        for file in reversed(files(self.source)):
            if file.changed < since:
                return
            with contextlib.suppress(OSError, EOFError):
                yield from _unpacked(file) if file.packed else _backwards(file)

    def fresh(self) -> bytes:
        """Whole lines that have come since the last time, of every file that grows."""
        return b"".join(self._fresh(file) for file in files(self.source) if not file.packed)

    def _fresh(self, file: File) -> bytes:
        start = self.seen.get(file.key, 0)
        if file.size < start:
            start = 0
        skipped = max(0, file.size - start - READ)
        if file.size == start:
            return b""
        with contextlib.suppress(OSError), opened(file) as stream:
            stream.seek(start + skipped)
            data = stream.read(READ)
            whole = data[: data.rfind(b"\n") + 1] or (data if len(data) >= BLOCK else b"")
            self.seen[file.key] = start + skipped + len(whole) if whole else start
            return left_out(skipped) + whole if whole else b""
        return b""

    def whole(self) -> Iterator[bytes]:
        """From the oldest on, of the newest bytes."""
        room, chosen = WHOLE, []
        for file in reversed(files(self.source)):
            with contextlib.suppress(OSError, EOFError):
                data = _contents(file, room)
                chosen.append(data)
                room -= len(data)
            if room <= 0:
                break
        yield from reversed(chosen)


def _backwards(file: File) -> Iterator[bytes]:
    with opened(file) as stream:
        position, rest, first = stream.seek(0, os.SEEK_END), b"", True
        while position > 0:
            size = min(BLOCK, position)
            position -= size
            stream.seek(position)
            rest, *pieces = (stream.read(size) + rest).split(b"\n")
            if first and pieces and not pieces[-1]:
                pieces.pop()
            first = False
            yield from reversed(pieces)
            if len(rest) >= LONGEST:
                yield rest
                rest = b""
        if rest:
            yield rest


def _contents(file: File, room: int) -> bytes:
    """Its last bytes, from the beginning of a line on."""
    with opened(file) as stream:
        if file.packed:
            data = gzip.GzipFile(fileobj=stream).read(8 * WHOLE)
        else:
            stream.seek(max(0, file.size - room - 1))
            data = stream.read(room + 1)
    if len(data) <= room:
        return bytes(data)
    return bytes(data[data.find(b"\n", len(data) - room - 1) + 1 :][-room:])


def _unpacked(file: File) -> Iterator[bytes]:
    return reversed(_contents(file, SEARCHED).splitlines())


class Journal:
    """What systemd says of the services."""

    def __init__(self, *, follow: bool) -> None:
        self.pipe: Any = None
        self.rest = b""
        if follow:
            self.pipe = self._ask("--follow", "--lines=0").stdout
            os.set_blocking(self.pipe.fileno(), False)

    def _ask(self, *options: str) -> "subprocess.Popen[bytes]":
        units = [f"--unit={unit}" for unit in UNITS]
        command = ["journalctl", "--quiet", "--no-pager", "--output=short-iso", "--utc", *units, *options]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def backwards(self, since: float) -> Iterator[bytes]:
        process = self._ask("--reverse", *([f"--since=@{int(since)}"] if since else []))
        try:
            for line in process.stdout or ():
                yield line.rstrip(b"\n")
        finally:
            process.kill()
            process.wait()

    def fresh(self) -> bytes:
        self.rest += self.pipe.read(READ) or b""
        whole, mark, self.rest = self.rest.rpartition(b"\n")
        return whole + mark

    def whole(self) -> Iterator[bytes]:
        yield from reversed([line + b"\n" for line in bounded(self.backwards(0), WHOLE)])


def dated(line: bytes) -> float | None:
    """What the line says of its time; machines keep UTC."""
    head = line[:120]
    if match := ISO.search(head):
        parts = [int(part) for part in match.groups()]
    elif (match := NGINX.search(head)) and match[2].decode() in MONTHS:
        month = MONTHS.index(match[2].decode()) + 1
        parts = [int(match[3]), month, int(match[1]), *(int(match[each]) for each in (4, 5, 6))]
    else:
        return None
    with contextlib.suppress(ValueError):
        return dt.datetime(*parts, tzinfo=dt.UTC).timestamp()  # type: ignore[arg-type,misc]
    return None


def recent(lines: Iterable[bytes], since: float) -> Iterator[bytes]:
    """Until the first that says that it is older. A line without a time belongs to the one before it."""
    waiting: list[bytes] = []
    for line in lines:
        waiting.append(line)
        at = dated(line) if since else since
        if at is None:
            continue
        if at < since:
            return
        yield from waiting
        waiting.clear()
    yield from waiting


def bounded(lines: Iterable[bytes], size: int) -> Iterator[bytes]:
    for line in lines:
        size -= len(line) + 1
        if size < 0:
            return
        yield line


def matching(lines: Iterable[bytes], search: str) -> Iterator[bytes]:
    wanted = search.casefold()
    for line in lines:
        if not wanted or wanted in line.decode("utf-8", "replace").casefold():
            yield line


def left_out(size: int) -> bytes:
    return b"[... %d bytes came too fast to be shown ...]\n" % size if size else b""


def say(text: bytes) -> None:
    """At once, and whole."""
    while text:
        text = text[os.write(1, text) :]


def newest(log: Any, question: dict[str, Any]) -> bytes:
    """The last lines that match, oldest first."""
    since = time.time() - 60 * question["minutes"] if question["minutes"] else 0.0
    lines = matching(recent(bounded(log.backwards(since), SEARCHED), since), question["search"])
    kept: list[bytes] = []
    room = ANSWER
    for line in lines:
        kept.append(line[-room:])
        room -= len(line) + 1
        if room <= 0 or len(kept) == question["lines"]:
            break
    return b"".join(line + b"\n" for line in reversed(kept))


def follow(log: Any, search: str) -> None:
    until = time.monotonic() + FOLLOWED
    while time.monotonic() < until:
        time.sleep(LOOK)
        fresh = log.fresh()
        lines = b"".join(line + b"\n" for line in matching(fresh.splitlines(), search)) if search else fresh
        skipped = max(0, len(lines) - SHOWN)
        shown = lines[skipped:]
        if skipped and b"\n" in shown[:-1]:
            shown = shown[shown.index(b"\n") + 1 :]
        say(left_out(len(lines) - len(shown)) + shown)


def main() -> None:
    os.nice(10)
    question = json.load(sys.stdin)
    say(json.dumps({"sources": listing()}).encode() + b"\n")
    source, following = question["source"], question["follow"]
    log: Any = Journal(follow=following) if source == SYSTEM else Files(source)
    if question["whole"]:
        for part in log.whole():
            say(part)
        return
    say(newest(log, question))
    if following:
        follow(log, question["search"])


if __name__ == "__main__":
    main()
