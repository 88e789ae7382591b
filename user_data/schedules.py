"""Commands that run by the clock: schedules.py sync FILE, or run ID.

FILE holds all of them, and which revision of the list it is: timers of systemd's are made so, and an older
list that comes late changes nothing. They go on while the portal is away.
"""

import contextlib
import fcntl
import glob
import json
import os
import re
import subprocess
import sys
import time
from typing import Any

from user_data.launch import as_site
from user_data.report import lines, load

LIST = "/etc/ecdeployer/schedules.json"
UNITS = "/etc/systemd/system"
RUNS = "/var/lib/ecdeployer/schedules"
LOGS = "/var/log/ecdeployer"
LOCK = "/run/ecdeployer-schedule-{}"
NAME = "ecdeployer-schedule-{}.timer"
LONGEST, KEPT_RUNS, TOLD_RUNS, LOG_BYTES = 3600, 20, 3, 5 * 2**20
IDENTITY = re.compile(r"[0-9a-f-]{36}")
CALENDAR = re.compile(r"[A-Za-z0-9,*: -]{1,600}")
BUSY = 75
SERVICE = """\
[Unit]
Description=A scheduled command of the site

[Service]
Type=oneshot
WorkingDirectory={}
ExecStart=/usr/bin/python3 -sEm user_data.schedules run %i
StandardOutput=null
"""
TIMER = """\
[Timer]
OnCalendar={}
AccuracySec=1s
Unit=ecdeployer-schedule@{}.service

[Install]
WantedBy=timers.target
"""


def sync(path: str) -> None:
    """Again and again without harm."""
    with open(path, encoding="utf-8") as file:
        given = json.load(file)
    revision, schedules = int(given["schedules_revision"]), given["schedules"]
    kept = load(LIST) or {"revision": -1}
    if revision < kept["revision"]:
        print(f"Revision {kept['revision']} is there already.")
        return
    wanted = {}
    for identity, calendar, _ in schedules:
        if not IDENTITY.fullmatch(identity) or not CALENDAR.fullmatch(calendar):
            sys.exit("no schedule that a portal sends")
        wanted[NAME.format(identity)] = TIMER.format(calendar, identity)
    with open(
        os.open(f"{LIST}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
    ) as file:
        words = {identity: words for identity, _, words in schedules}
        json.dump({"revision": revision, "words": words}, file)
    apply(wanted)
    os.rename(f"{LIST}.new", LIST)
    print(f"{len(wanted)} schedules, revision {revision}.")


def apply(wanted: dict[str, str]) -> None:
    there = {os.path.basename(path) for path in glob.glob(f"{UNITS}/{NAME.format('*')}")}
    gone = sorted(there - wanted.keys())
    if gone:
        systemctl("disable", "--quiet", "--now", *gone)
        for name in gone:
            os.unlink(f"{UNITS}/{name}")
    changed = [name for name, text in wanted.items() if write(f"{UNITS}/{name}", text)]
    fresh = write(f"{UNITS}/ecdeployer-schedule@.service", SERVICE.format(os.getcwd())) if wanted else False
    if changed or gone or fresh:
        systemctl("daemon-reload")
    if changed:
        systemctl("enable", "--quiet", *changed)
        systemctl("restart", *changed)


def write(path: str, text: str) -> bool:
    """Whether it is new."""
    with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
        if file.read() == text:
            return False
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return True


def systemctl(*words: str) -> None:
    subprocess.run(["systemctl", *words], check=True)


def run(identity: str) -> int:
    """One at a time; its exit code."""
    words = (load(LIST) or {"words": {}})["words"].get(identity)
    if words is None:
        sys.exit("no such schedule")
    with open(LOCK.format(identity), "w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("It runs already.")
            return BUSY
        at = time.time()
        code = follow(f"{LOGS}/schedule-{identity}.log", words)
        record(identity, {"at": int(at), "seconds": round(time.time() - at, 1), "exit": code})
        return code


def follow(log: str, words: list[str]) -> int:
    """What it prints goes to its log, and to whoever has asked."""
    if os.path.exists(log) and os.path.getsize(log) > LOG_BYTES:
        os.rename(log, f"{log}.1")
    command = ["timeout", "--kill-after=10", str(LONGEST), *as_site("manage", *words)]
    with open(log, "ab", buffering=0) as file:
        file.write(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')} manage.py {' '.join(words)}\n".encode())
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            assert process.stdout is not None  # noqa: S101 - it was asked for
            while chunk := os.read(process.stdout.fileno(), 65536):
                file.write(chunk)
                sys.stdout.buffer.write(chunk)
                sys.stdout.flush()
        code = process.returncode
        file.write(f"--- exit code {code}\n".encode())
    return code


def record(identity: str, outcome: dict[str, Any]) -> None:
    os.makedirs(RUNS, mode=0o700, exist_ok=True)
    path = f"{RUNS}/{identity}.jsonl"
    kept = [*lines(path), outcome][-KEPT_RUNS:]
    with open(f"{path}.new", "w", encoding="ascii") as file:
        file.writelines(json.dumps(each) + "\n" for each in kept)
    os.rename(f"{path}.new", path)


def show() -> dict[str, Any]:
    """The list's revision, and the last runs of each."""
    kept = load(LIST) or {"revision": -1, "words": {}}
    runs = {identity: lines(f"{RUNS}/{identity}.jsonl")[-TOLD_RUNS:] for identity in kept["words"]}
    return {"revision": kept["revision"], "runs": runs}


if __name__ == "__main__":
    if sys.argv[1] == "run":
        sys.exit(run(sys.argv[2]))
    sync(sys.argv[2])
