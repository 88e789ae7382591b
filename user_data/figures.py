"""What the machine and its site do, a line a minute: figures.py sample writes one, answer SINCE prints them.

A line is eight numbers: the minute since 1970, the processor's, the memory's and the disk's use in per cent,
requests, those that were answered with 5xx, and the 50th and 95th percentile of their times in milliseconds
(- where there was no request). Requests are those that nginx has written down since the line before.
The Run Command document brings this file as it is; it needs nothing beside it.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter

#: Minutes; the file is shortened when it holds a day more.
KEPT, DAY = 8 * 24 * 60, 24 * 60
#: AWS cuts an answer at 2,500 characters.
PRINTED = 2400
#: Of the log; what is beyond the second in one minute is not counted.
ROTATED, READ = 32 * 2**20, 256 * 2**20
SLOWEST = 600_000
UNIT = """[Unit]
Description={what}
[{kind}]
{lines}
"""
SERVICE = """Type=oneshot
ExecStart=/usr/bin/python3 -I /opt/ecdeployer/figures.py sample
Nice=5
MemoryMax=96M
TimeoutStartSec=50"""
TIMER = """OnCalendar=*:*:00
AccuracySec=1s
[Install]
WantedBy=timers.target"""
#: Of log_format ecdeployer: time, status, seconds.
LINE = re.compile(rb"[0-9T:+-]{20,30} ([0-9]{3}) ([0-9]{1,9})\.([0-9]{3}) ")


class Places:
    """Where things are on a machine."""

    def __init__(self, root: str = "") -> None:
        self.proc = f"{root}/proc"
        self.groups = f"{root}/sys/fs/cgroup"
        self.log = f"{root}/var/log/nginx/ecdeployer.access.log"
        self.nginx = f"{root}/run/nginx.pid"
        self.folder = f"{root}/var/lib/ecdeployer/figures"
        self.lines = f"{self.folder}/lines"
        self.last = f"{self.folder}/last.json"
        self.units = f"{root}/etc/systemd/system"


def sample(places: Places, *, now: float) -> str:
    """Write the line of the minute that has just ended; empty where it stands there already."""
    os.makedirs(places.folder, exist_ok=True)
    minute = int(now // 60) - 1
    if minute <= last_minute(places, now=now):
        return ""
    before = load(places.last)
    busy, total = processor(places)
    requests, place = count(places, before.get("log"))
    save(places.last, json.dumps({"processor": [busy, total], "log": place}))
    processor_use = share(before.get("processor"), busy, total)
    numbers = [f"{use:.1f}" for use in (processor_use, memory(places), disk(places))]
    line = " ".join([str(minute), *numbers, *requests])
    with open(places.lines, "a", encoding="ascii") as file:
        file.write(f"{end_of_half_a_line(places)}{line}\n")
    shorten(places, minute)
    rotate(places)
    return line


def answer(places: Places, since: int) -> str:
    """Lines from that minute on, the oldest first: as many as fit."""
    found, size = [], 0
    for line in read_lines(places):
        if int(line.split(" ", 1)[0]) >= since:
            size += len(line) + 1
            if size > PRINTED:
                break
            found.append(line)
    return "\n".join(found)


def read_lines(places: Places) -> "list[str]":
    """Those that are whole."""
    try:
        with open(places.lines, encoding="ascii", errors="replace") as file:
            lines = file.read().split("\n")
    except OSError:
        return []
    return [line for line in lines if re.fullmatch(r"[0-9]+( [0-9.]+){5} [0-9-]+ [0-9-]+", line)]


def end_of_half_a_line(places: Places) -> str:
    """What a machine that lost power has not written any more."""
    with open(places.lines, "rb") as file:
        file.seek(max(0, os.path.getsize(places.lines) - 1))
        return "" if file.read(1) in (b"", b"\n") else "\n"


def last_minute(places: Places, *, now: float) -> int:
    """Of the newest line; one of a clock that ran ahead is forgotten when it is set right."""
    lines = read_lines(places)[-1:]
    newest = int(lines[0].split(" ", 1)[0]) if lines else 0
    return newest if newest <= now // 60 else 0


def shorten(places: Places, minute: int) -> None:
    lines = read_lines(places)
    if len(lines) > KEPT + DAY:
        save(
            places.lines, "".join(f"{line}\n" for line in lines if int(line.split(" ", 1)[0]) > minute - KEPT)
        )


def processor(places: Places) -> "tuple[int, int]":
    """Ticks in which it was busy, what other guests of the host took among them; and all."""
    with open(f"{places.proc}/stat", encoding="ascii") as file:
        ticks = [int(word) for word in file.readline().split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def share(before: object, busy: int, total: int) -> float:
    """Since the line before, or since the boot."""
    then_busy, then_total = before if isinstance(before, list) else (0, 0)
    if then_total >= total:
        then_busy = then_total = 0
    return min(100.0, max(0.0, 100 * (busy - then_busy) / max(1, total - then_total)))


def memory(places: Places) -> float:
    """What programs hold, without what the system keeps of files; of what a control group allows, if less."""
    with open(f"{places.proc}/meminfo", encoding="ascii") as file:
        known = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in file if len(line.split()) > 1}
    total, free = known["MemTotal"], known["MemAvailable"]
    for group, limit, use in (
        (places.groups, "memory.max", "memory.current"),
        (f"{places.groups}/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        with contextlib.suppress(OSError, ValueError, KeyError):
            allowed = int(first_line(f"{group}/{limit}"))
            with open(f"{group}/memory.stat", encoding="ascii") as file:
                cached = dict(line.split() for line in file)["inactive_file"]
            if allowed < total:
                held = max(0, int(first_line(f"{group}/{use}")) - int(cached))
                return min(100.0, 100 * held / allowed)
    return 100 * (total - free) / total


def disk(places: Places) -> float:
    """Of the file system that holds the site, as df says it: what root keeps for itself is not there."""
    found = os.statvfs(places.folder)
    used = found.f_blocks - found.f_bfree
    return 100 * used / max(1, used + found.f_bavail)


def count(places: Places, before: object) -> "tuple[list[str], dict[str, int]]":
    """Requests, errors, percentiles; and how far the log was read. What was rotated is read to its end."""
    times: Counter[int] = Counter()
    errors, left = 0, READ
    paths, place = parts(places, before)
    for path, offset in paths:
        with contextlib.suppress(OSError), open(path, "rb") as file:
            file.seek(offset)
            for line in file:
                left -= len(line)
                if left < 0 or not line.endswith(b"\n"):
                    break
                offset += len(line)
                found = LINE.match(line)
                if found:
                    times[min(SLOWEST, int(found[2]) * 1000 + int(found[3]))] += 1
                    errors += found[1].startswith(b"5")
        if path == places.log and left >= 0:
            place["offset"] = offset
    middle, slow = (percentile(times, part) for part in (0.5, 0.95))
    return [str(sum(times.values())), str(errors), middle, slow], place


def parts(places: Places, before: object) -> "tuple[list[tuple[str, int]], dict[str, int]]":
    """The files to read, from which byte on, the older one first; and the newest one's end."""
    known = before if isinstance(before, dict) else {}
    try:
        found = os.stat(places.log)
    except OSError:
        return [], {}
    place = {"inode": found.st_ino, "offset": found.st_size}
    offset = known.get("offset", 0)
    if not known:
        # What was before the first line belongs to no minute.
        return [], place
    if known["inode"] == found.st_ino:
        return [(places.log, offset if offset <= found.st_size else 0)], place
    older = [(path, offset) for path in [f"{places.log}.1"] if inode(path) == known["inode"]]
    return [*older, (places.log, 0)], place


def inode(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except OSError:
        return 0


def percentile(times: "Counter[int]", part: float) -> str:
    """The least time within which that part of the requests was answered."""
    left = part * sum(times.values())
    for took in sorted(times):
        left -= times[took]
        if left <= 1e-9:
            return str(took)
    return "-"


def rotate(places: Places) -> None:
    """By size; by the day the system does it."""
    with contextlib.suppress(OSError, ValueError):
        if os.path.getsize(places.log) > ROTATED:
            os.replace(places.log, f"{places.log}.1")
            os.kill(int(first_line(places.nginx)), signal.SIGUSR1)


def install(places: Places) -> None:
    """Have systemd call this each minute; where it does so already nothing is done."""
    units = {
        "service": UNIT.format(what="Figures of the site", kind="Service", lines=SERVICE),
        "timer": UNIT.format(what="Figures of the site, each minute", kind="Timer", lines=TIMER),
    }
    changed = False
    for kind, text in units.items():
        path = f"{places.units}/ecdeployer-figures.{kind}"
        if read(path) != text:
            save(path, text)
            changed = True
    if changed:
        subprocess.run(["systemctl", "daemon-reload"], check=True)
        subprocess.run(["systemctl", "enable", "--quiet", "--now", "ecdeployer-figures.timer"], check=True)


def read(path: str) -> str:
    with contextlib.suppress(OSError), open(path, encoding="ascii") as file:
        return file.read()
    return ""


def first_line(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.readline().strip()


def load(path: str) -> "dict[str, object]":
    try:
        with open(path, encoding="ascii") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def save(path: str, text: str) -> None:
    with open(f"{path}.new", "w", encoding="ascii") as file:
        file.write(text)
    os.replace(f"{path}.new", path)


def main(arguments: "list[str]") -> None:
    places = Places()
    if arguments[0] == "sample":
        sample(places, now=time.time())
    else:
        install(places)
        print(answer(places, int(arguments[1])))


if __name__ == "__main__":
    main(sys.argv[1:])
