"""A worker that is told to end finishes what it has begun, or hands it back to the others in time.

Celery's own TERM waits for as long as its tasks take, and whoever stops the machine kills it meanwhile: a
message that a killed worker held comes back after the broker's visibility timeout alone.
"""

import os
import signal
import threading
from typing import Any

from celery import signals

#: Seconds from TERM on that tasks have to end in; most end within two. What is left goes back to the queue by
#: a second signal, at once, and Celery ends some twenty seconds later: a grace of 60 is enough.
FINISHING = 35.0


@signals.worker_shutting_down.connect
def _begin(how: str, **_: Any) -> None:
    if how == "Warm":
        timer = threading.Timer(FINISHING, os.kill, (os.getpid(), signal.SIGQUIT))
        timer.daemon = True
        timer.start()
