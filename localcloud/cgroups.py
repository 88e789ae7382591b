"""Control groups of machines: memory and process limits, on version 1, 2, and hosts that mix them."""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

MOUNTS = Path("/proc/self/mounts")
_WANTED = ("memory", "pids", "name=systemd")

# A shell so that the machine's first process is in its groups before it becomes anything else.
ENTER = 'until [ "$1" = -- ]; do echo $$ > "$1/cgroup.procs" || exit 125; shift; done; shift; exec "$@"'


def hierarchies(mounts: str) -> dict[str, Path]:
    """Mount points by controller; `unified` is version 2, whatever controllers it has."""
    found: dict[str, Path] = {}
    for line in mounts.splitlines():
        _, point, kind, options = line.split()[:4]
        if kind == "cgroup2":
            found.setdefault("unified", Path(point))
        elif kind == "cgroup":
            found.update({name: Path(point) for name in options.split(",") if name in _WANTED})
    return found


def lacking(found: dict[str, Path]) -> list[str]:
    """Controllers that no hierarchy offers."""
    offered = set(found)
    with suppress(KeyError, OSError):
        offered.update((found["unified"] / "cgroup.controllers").read_text().split())
    return [name for name in ("memory", "pids") if name not in offered]


class Group:
    """One machine's control group, in each hierarchy that the host has."""

    def __init__(self, parent: str, name: str, *, found: dict[str, Path] | None = None) -> None:
        self._found = hierarchies(MOUNTS.read_text()) if found is None else found
        self._parent = parent
        self._name = name

    @property
    def folders(self) -> list[Path]:
        """Where a process must be entered."""
        return [point / self._parent / self._name for point in dict.fromkeys(self._found.values())]

    def create(self, *, memory: int | None = None, pids: int | None = None) -> None:
        """Make the group with its limits, if any: bytes, and processes and threads together."""
        unified = self._found.get("unified")
        if unified:
            (unified / self._parent).mkdir(parents=True, exist_ok=True)
            for folder in (unified, unified / self._parent):
                _enable(folder)
        for folder in self.folders:
            folder.mkdir(parents=True, exist_ok=True)
        for name, limit in (("memory", memory), ("pids", pids)):
            if limit is not None:
                for file in self._limits(name):
                    file.write_text(str(limit))

    def unlimited(self) -> list[str]:
        """What the host could not limit in this group."""
        return [name for name in ("memory", "pids") if not self._limits(name)]

    def _limits(self, controller: str) -> list[Path]:
        """The files that set a limit, those that the host has."""
        point = self._found.get(controller, self._found.get("unified"))
        if point is None:
            return []
        names = [f"{controller}.max"]
        if controller == "memory" and controller in self._found:
            names = ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]
        files = [point / self._parent / self._name / name for name in names]
        return [file for file in files if file.exists()]

    def enter(self, command: Sequence[str]) -> list[str]:
        """The command line that starts `command` inside the group."""
        return ["/bin/sh", "-c", ENTER, "sh", *map(str, self.folders), "--", *command]

    def remove(self) -> None:
        """End every process of the group and take the group away."""
        for folder in self.folders:
            remove(folder)


def _enable(folder: Path) -> None:
    control = folder / "cgroup.subtree_control"
    with suppress(OSError):
        offered = (folder / "cgroup.controllers").read_text().split()
        control.write_text(" ".join(f"+{name}" for name in ("memory", "pids") if name in offered))


def processes(folder: Path) -> Iterator[int]:
    """Every process in a group and the groups below it."""
    for file in folder.rglob("cgroup.procs"):
        with suppress(OSError):
            yield from (int(line) for line in file.read_text().split())


def remove(folder: Path, *, seconds: float = 10) -> None:
    """Kill what is in a group, deepest first, and remove it; a group that is not there is no error."""
    deadline = time.monotonic() + seconds
    while folder.exists() and time.monotonic() < deadline:
        found = {process for process in processes(folder) if process > 1}
        for process in found:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        if found:
            time.sleep(0.05)
            continue
        _remove_folders(folder)


def _remove_folders(folder: Path) -> None:
    below = sorted((path for path in folder.rglob("*") if path.is_dir()), key=lambda path: -len(path.parts))
    for path in [*below, folder]:
        with suppress(OSError):
            path.rmdir()
    if folder.exists():
        time.sleep(0.05)
