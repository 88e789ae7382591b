"""Become a line of the Procfile, or a line of ours: ecdeployer_process.py LINE."""

import os
import sys

import ecdeployer_limits

#: MiB that a worker of Celery grows to with a few libraries; the site's own processes need the other half.
MEMORY = 200

if __name__ == "__main__":
    together = min(round(ecdeployer_limits.cores()), ecdeployer_limits.memory() // 2 // MEMORY)
    os.environ["ECDEPLOYER_CONCURRENCY"] = str(max(1, together))
    # Bash becomes the last command of its line, where dash stays before it and would keep the signal to end.
    os.execv("/bin/bash", ["sh", "-c", sys.argv[1]])  # noqa: S606 # nosec B606 # the project's own text, as its own user
