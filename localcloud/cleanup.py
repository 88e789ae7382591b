"""Take away what a local cloud has left on the host, by its name alone, however it ended."""

import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from localcloud import cgroups, network
from localcloud.base import UNFINISHED
from localcloud.images import Store
from localcloud.mounts import remove_tree
from localcloud.names import LOCKS, Names

_NSPAWN = Path("/run/systemd/nspawn/propagate")


class AlreadyRunningError(RuntimeError):
    """A local cloud of that name runs."""


@contextmanager
def held(names: Names) -> Iterator[None]:
    """Be the only local cloud of a name, from a clean start to a clean end."""
    LOCKS.mkdir(exist_ok=True)
    with names.lock.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunningError(
                f"A local cloud named {names.cloud} runs already: end it, or choose another --name."
            ) from error
        for state in {left_state(names), names.state} - {None}:
            sweep(Names(names.cloud, Path(str(state))))
        names.lock.write_text(json.dumps({"pid": os.getpid(), "state": str(names.state)}))
        try:
            yield
        finally:
            sweep(names)
            names.lock.unlink(missing_ok=True)
            network.restore_forwarding(others(names))


def left_state(names: Names) -> Path | None:
    """The state folder of the cloud that holds, or last held, the name."""
    with suppress(OSError, ValueError, KeyError):
        return Path(json.loads(names.lock.read_text())["state"])
    return None


def others(names: Names) -> list[str]:
    """Other local clouds that run on this host."""
    running = []
    for file in LOCKS.glob("*.lock"):
        if file.stem == names.cloud:
            continue
        with suppress(FileNotFoundError), file.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                running.append(file.stem)
    return running


def sweep(names: Names) -> None:
    """Take away processes, cables, rules, mounts and folders of a cloud that does not run, if any."""
    for point in dict.fromkeys(cgroups.hierarchies(cgroups.MOUNTS.read_text()).values()):
        cgroups.remove(point / names.group)
    network.demolish(names)
    remove_tree(names.run)
    Store(names.state).clear_unfinished(UNFINISHED)
    for folder in _NSPAWN.glob(f"lc-{names.cloud}-i-*"):
        with suppress(OSError):
            folder.rmdir()


def end(names: Names, *, seconds: float = 30) -> None:
    """End the cloud of a name if it runs, then take away what it left."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with held(Names(names.cloud, left_state(names) or names.state)):
                return
        except AlreadyRunningError:
            with suppress(OSError, ValueError, KeyError):
                os.kill(json.loads(names.lock.read_text())["pid"], signal.SIGTERM)
            time.sleep(1)
    raise AlreadyRunningError(f"The local cloud named {names.cloud} does not end.")
