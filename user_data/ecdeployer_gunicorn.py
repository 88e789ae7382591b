"""Gunicorn for one small machine.

Workers: one for each core, two at least so that one slow request does not stop the site, and no more than one
for each 200 MB, which is what a Django process with a few libraries grows to. Threads: four, because most
requests wait for the database (gunicorn's own advice for its thread workers is 2 to 4 for each core).
Cores and memory are the machine's, or less where a control group allows less.
"""

from __future__ import annotations

import json
import os
from typing import Any

import ecdeployer_limits
import ecdeployer_warmup


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


workers = ecdeployer_warmup.together = max(
    2, min(round(ecdeployer_limits.cores()), ecdeployer_limits.memory() // 200)
)
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
