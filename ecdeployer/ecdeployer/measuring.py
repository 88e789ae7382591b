"""Numbers that the processes of one host share, so that any of them can tell of all."""

import os
import socket
from pathlib import Path

from prometheus_client import values


def share(directory: str) -> None:
    """Have whatever is counted from now on lie in files there, one for each process.

    Containers may share the folder: their processes have the same ids, and so the host's name is part of the
    file's. https://prometheus.github.io/client_python/multiprocess/
    """
    Path(directory).mkdir(parents=True, exist_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
    host = socket.gethostname()
    values.ValueClass = values.MultiProcessValue(lambda: f"{host}-{os.getpid()}")  # type: ignore[no-untyped-call]
