"""Gunicorn for one small machine.

Workers: one for each core, two at least so that one slow request does not stop the site, and no more than one
for each 200 MB, which is what a Django process with a few libraries grows to. Threads: four, because most
requests wait for the database (gunicorn's own advice for its thread workers is 2 to 4 for each core).
Cores and memory are the machine's, or less where a control group allows less.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import ecdeployer_warmup

if TYPE_CHECKING:
    from collections.abc import Iterator


def groups() -> Iterator[str]:
    """Directories of this process's control groups and of those above them, of both versions."""
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        lines = [line.rstrip("\n").split(":", 2) for line in file]
    for _, controllers, path in lines:
        names = [part for part in path.split("/") if part]
        for length in range(len(names) + 1):
            yield os.path.join("/sys/fs/cgroup", controllers, *names[:length])


def numbers(path: str) -> list[int]:
    """The numbers in a file: none where there is no file, or no limit in it."""
    try:
        with open(path, encoding="ascii") as file:
            return [int(word) for word in file.read().split() if word.isdigit()]
    except OSError:
        return []


def cores() -> float:
    """Cores that this process may use, as a number that need not be whole."""
    found = [float(len(os.sched_getaffinity(0)))]
    for group in groups():
        quota = numbers(f"{group}/cpu.max")
        if len(quota) < 2:
            quota = numbers(f"{group}/cpu.cfs_quota_us") + numbers(f"{group}/cpu.cfs_period_us")
        if len(quota) == 2 and quota[1]:
            found.append(quota[0] / quota[1])
    return min(found)


def memory() -> int:
    """MiB that this process may use."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for group in groups():
        found += numbers(f"{group}/memory.max") + numbers(f"{group}/memory.limit_in_bytes")
    return min(found) // 2**20


def on_starting(_server: Any) -> None:
    """What needs no settings is loaded once."""
    ecdeployer_warmup.load_django()


def post_fork(_server: Any, worker: Any) -> None:
    """Workers that load at once take all cores from those that serve."""
    ecdeployer_warmup.wait_for_turn(worker)


def post_worker_init(worker: Any) -> None:
    """An ASGI application is asked when its loop runs."""
    if ecdeployer_warmup.overlay["interface"] == "wsgi":
        ecdeployer_warmup.ask_wsgi(worker.wsgi)
        ecdeployer_warmup.end_turn()


workers = ecdeployer_warmup.together = max(2, min(round(cores()), memory() // 200))
if json.loads(os.environ["ECDEPLOYER_OVERLAY"])["interface"] == "asgi":
    worker_class = "uvicorn_worker.UvicornWorker"
else:
    worker_class = "gthread"
    threads = 4
preload_app = False
timeout = 60
graceful_timeout = 30
keepalive = 5
# Leaks stay small, and the workers do not all restart at once.
max_requests = 2000
max_requests_jitter = 400
# A heartbeat file on a slow disk looks like a worker that hangs.
worker_tmp_dir = "/dev/shm"  # noqa: S108 # nosec B108
# The only one that can reach the socket is nginx, which sets these headers itself.
forwarded_allow_ips = "*"
errorlog = "-"
accesslog = None
capture_output = False
# One path for all releases, and a thread that nobody needs.
control_socket_disable = True
