"""A release's program under supervisor: program.py start RELEASE, program.py end-removed.

Asked over supervisor's own socket: supervisorctl takes a quarter of a second to start, and leaves a new
program to supervisor's next look, a second later.
"""

import contextlib
import http.client
import os
import signal
import socket
import sys
import xmlrpc.client  # nosec B411 # supervisor alone is at the other end
from typing import Any

SOCKET = "/var/run/supervisor.sock"
ALREADY_STARTED = 60
#: launch.py looks for it: what starts while it is there goes behind what serves.
MARK = "/run/ecdeployer-{}.starting"


class _Connection(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(SOCKET)


class _Transport(xmlrpc.client.Transport):
    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        return _Connection("localhost", timeout=60)


def supervisor() -> Any:
    return xmlrpc.client.ServerProxy("http://localhost", transport=_Transport()).supervisor


def start(release: str) -> bool:
    """As its configuration says; False for one that runs already, and goes on. Raises xmlrpc.client.Error."""
    asked, name = supervisor(), f"site-{release}"
    ((added, changed, _),) = asked.reloadConfig()
    if name in changed:
        asked.stopProcessGroup(name)
        asked.removeProcessGroup(name)
    fresh, wait = name in [*added, *changed], False
    if fresh:
        asked.addProcessGroup(name)
    try:
        asked.startProcess(name, wait)
    except xmlrpc.client.Fault as fault:
        if fault.faultCode != ALREADY_STARTED:
            raise
        return fresh
    return True


def end_removed() -> None:
    """The programs whose configuration is gone, with all that they have started."""
    asked = supervisor()
    ((_, _, removed),) = asked.reloadConfig()
    for name in removed:
        group = asked.getProcessInfo(name)["pid"]
        asked.stopProcessGroup(name)
        asked.removeProcessGroup(name)
        # What a project has started of its own outlives gunicorn, and would hold the old release's files.
        if group:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)


def hurry(release: str) -> None:
    """All its processes and threads serve from now on. Supervisor gives each program a group of its own."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(MARK.format(release))
    group = supervisor().getProcessInfo(f"site-{release}")["pid"]
    if group:
        with contextlib.suppress(ProcessLookupError):
            os.setpriority(os.PRIO_PGRP, group, 0)


if __name__ == "__main__":
    if sys.argv[1] == "start":
        start(sys.argv[2])
    else:
        end_removed()
