"""Gunicorn for one small machine.

Workers: one for each core, two at least so that one slow request does not stop the site, and no more than one
for each 200 MB, which is what a Django process with a few libraries grows to. Threads: four, because most
requests wait for the database (gunicorn's own advice for its thread workers is 2 to 4 for each core).
"""

import json
import os

cores = len(os.sched_getaffinity(0))
memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20

workers = max(2, min(cores, memory // 200))
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
worker_tmp_dir = "/dev/shm"  # noqa: S108
# The only one that can reach the socket is nginx, which sets these headers itself.
forwarded_allow_ips = "*"
errorlog = "-"
accesslog = None
capture_output = False
