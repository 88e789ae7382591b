"""What runs beside a site: processes.py switch [STATE], show, or restart NAME.

Each line of a Procfile is a program of supervisor's, `process-<name>`. They are those of one release: what is
switched to a release ends first, so that no two beats run at once, and starts from there.
"""

import contextlib
import glob
import json
import os
import re
import signal
import sys
import time
import xmlrpc.client  # nosec B411 # supervisor alone is at the other end
from collections.abc import Callable
from typing import Any

from user_data import program, schedules
from user_data.check import last_exception, tail_of

PREFIX = "process-"
LOG = "/var/log/ecdeployer/{}.log"
SUPERVISOR = "/var/log/supervisor/supervisord.log"
SITE = "/etc/nginx/sites-enabled/ecdeployer.conf"
#: Supervisor knows within some ten seconds whether a program stays; a worker has a minute to end its tasks.
PATIENCE, GRACE = 90, 5
STEADY, STARTS = 3, 3
NO_WAIT = False
ENDED = {"STOPPED", "EXITED", "FATAL"}
READY = "A worker is ready."


class ProcessError(Exception):
    """What does not run, and why; for the developer."""


def switch() -> None:
    """Run what supervisor's configuration says, instead of what runs. Raises ProcessError."""
    supervisor = program.supervisor()
    ((added, changed, removed),) = supervisor.reloadConfig()
    old = [name for name in [*changed, *removed] if name.startswith(PREFIX)]
    fresh = [name for name in [*added, *changed] if name.startswith(PREFIX)]
    stop(supervisor, old)
    for name in old:
        supervisor.removeProcessGroup(name)
    since, begin = size_of_file(SUPERVISOR), {name: size_of(name) for name in fresh}
    for name in fresh:
        print(f"Starting {name.removeprefix(PREFIX)}")
        supervisor.addProcessGroup(name)
    wait_until_up(supervisor, begin, since=since)


def stop(supervisor: Any, names: list[str]) -> None:
    """All at once. The signal goes to what was started, not to its group: Celery's worker ends its tasks."""
    groups = {name: supervisor.getProcessInfo(name)["pid"] for name in names}
    for name in names:
        print(f"Ending {name.removeprefix(PREFIX)}")
        with contextlib.suppress(xmlrpc.client.Fault):
            supervisor.stopProcess(name, NO_WAIT)
    deadline = time.monotonic() + PATIENCE
    for name in names:
        while state_of(supervisor, name) not in ENDED and time.monotonic() < deadline:
            time.sleep(0.1)
    for group in filter(None, groups.values()):
        end_group(group)


def end_group(group: int) -> None:
    """What a line's shell has started outlives the shell."""
    deadline = time.monotonic() + GRACE
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGTERM)
        while time.monotonic() < deadline:
            time.sleep(0.05)
            os.killpg(group, 0)
        os.killpg(group, signal.SIGKILL)


def wait_until_up(supervisor: Any, begin: dict[str, int], *, since: int) -> None:
    """Raises ProcessError for one that ends again and again; how long its log was is in `begin`.

    One that ends well has nothing to do: people keep such lines, too. `since`: of supervisor's log.
    """
    for name, offset in begin.items():
        short = name.removeprefix(PREFIX)
        if stays(supervisor, name):
            print(f"{short} runs")
            continue
        code = last_exit(name, begin=since)
        if code == 0:
            print(f"{short} has ended: it has nothing to do")
            continue
        said = tail_of(LOG.format(name), 8000, begin=offset)
        cause = last_exception(said) or (said.strip().splitlines() or ["it says nothing"])[-1]
        print(said)
        raise ProcessError(
            f"The process {short} ends as soon as it starts, with exit code {code}: {cause[:600]}"
        )


def stays(supervisor: Any, name: str) -> bool:
    """Supervisor takes for its own what the machine needs to come as far as the line, which may be long."""
    deadline = time.monotonic() + PATIENCE
    starts: dict[int, float] = {}
    while (now := time.monotonic()) < deadline:
        info = supervisor.getProcessInfo(name)
        pid, state = info["pid"], info["statename"]
        if pid:
            starts[pid] = min(starts.get(pid, deadline), now if is_line(pid) else deadline)
            if state == "RUNNING" and now - starts[pid] >= STEADY:
                return True
        if state == "FATAL" or len(starts) > STARTS:
            return False
        time.sleep(0.1)
    return False


def last_exit(name: str, *, begin: int = 0) -> int:
    """Of one that ended too soon supervisor forgets it, and its log does not. -1: by a signal."""
    found = re.findall(
        rf"exited: {re.escape(name)} \((?:exit status (\d+)|term)", tail_of(SUPERVISOR, begin=begin)
    )
    return int(found[-1] or -1) if found else -1


def is_line(pid: int) -> bool:
    """Whether a process has become what it was started for."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            said = file.read()
    except OSError:
        return False
    return b"/python/launch.py" not in said and b"/python/ecdeployer_process.py" not in said


def state_of(supervisor: Any, name: str) -> str:
    return str(supervisor.getProcessInfo(name)["statename"])


def size_of(name: str) -> int:
    return size_of_file(LOG.format(name))


def size_of_file(path: str) -> int:
    with contextlib.suppress(OSError):
        return os.path.getsize(path)
    return 0


def live() -> str:
    """The program of the release that serves; empty for none."""
    try:
        return "site-" + os.path.basename(os.readlink(SITE)).removesuffix(".conf")
    except OSError:
        return ""


def show() -> dict[str, Any]:
    """What runs, for the portal."""
    site, groups = live(), memory()
    told = []
    for info in program.supervisor().getAllProcessInfo():
        name = str(info["name"])
        if name == site or name.startswith(PREFIX):
            runs = info["statename"] in {"RUNNING", "STARTING"}
            told.append(
                {
                    "name": "web" if name == site else name.removeprefix(PREFIX),
                    "state": info["statename"],
                    "since": info["start" if runs else "stop"],
                    "pid": info["pid"],
                    "memory": groups.get(info["pid"], 0) if info["pid"] else 0,
                    "exit": last_exit(name) if info["statename"] == "FATAL" else info["exitstatus"],
                }
            )
    return {"release": site.removeprefix("site-"), "processes": told, "schedules": schedules.show()}


def memory() -> dict[int, int]:
    """MiB of each process group, what its processes share counted once."""
    found: dict[int, int] = {}
    for path in glob.glob("/proc/[0-9]*/smaps_rollup"):
        with contextlib.suppress(OSError, ValueError, IndexError), open(path, encoding="ascii") as file:
            group = os.getpgid(int(path.split("/")[2]))
            size = next((int(line.split()[1]) for line in file if line.startswith("Pss:")), 0)
            found[group] = found.get(group, 0) + size
    return {group: size // 1024 for group, size in found.items()}


def restart(name: str) -> None:
    """Raises ProcessError."""
    supervisor, known = program.supervisor(), {each["name"]: each for each in show()["processes"]}
    if name not in known:
        raise ProcessError(f"No process of the name {name} belongs to the release that is live.")
    if name == "web" and known[name]["pid"]:
        renew_workers(supervisor, live())
        return
    full = live() if name == "web" else PREFIX + name
    stop(supervisor, [full])
    since, begin = size_of_file(SUPERVISOR), size_of(full)
    with contextlib.suppress(xmlrpc.client.Fault):
        supervisor.startProcess(full, NO_WAIT)
    wait_until_up(supervisor, {full: begin}, since=since)


def renew_workers(supervisor: Any, site: str) -> None:
    """One more of gunicorn's workers, and when it is ready the oldest goes: no request waits for another."""
    master = int(supervisor.getProcessInfo(site)["pid"])
    for number in range(workers := len(children(master))):
        begin = size_of(site)
        os.kill(master, signal.SIGTTIN)
        if not wait_for(lambda: READY in tail_of(LOG.format(site), begin=begin)):  # noqa: B023
            raise ProcessError(
                "A new worker of the site is not ready in time. The others go on; see its log."
            )
        os.kill(master, signal.SIGTTOU)
        wait_for(lambda: len(children(master)) <= workers)
        print(f"Worker {number + 1} of {workers} is a new one.")


def children(master: int) -> list[str]:
    with open(f"/proc/{master}/task/{master}/children", encoding="ascii") as file:
        return file.read().split()


def wait_for(condition: Callable[[], bool]) -> bool:
    """Whether it came true in time. A worker that goes may answer its last request for half a minute."""
    deadline = time.monotonic() + 45
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def main(action: str, *rest: str) -> None:
    try:
        if action == "switch":
            switch()
            return
        if action == "restart":
            restart(rest[0])
    except ProcessError as error:
        if action == "switch" and rest:
            with open(f"{rest[0]}/reason.json", "w", encoding="utf-8") as file:
                json.dump({"code": "process-failed", "reason": str(error)}, file)
        sys.exit(str(error))
    print(json.dumps(show()))


if __name__ == "__main__":
    main(*sys.argv[1:])
