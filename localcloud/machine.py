"""One machine: a disk over layers, a cable, limits, and systemd booted in it by systemd-nspawn."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from localcloud import mounts, network, seed
from localcloud.addresses import Subnet
from localcloud.cgroups import Group
from localcloud.names import Names

# systemd's own requests to its first process (man 1 systemd, "Signals").
POWER_OFF = signal.SIGRTMIN + 4
REBOOT = signal.SIGRTMIN + 5
_REBOOTED = 133
_PROPAGATE = Path("/run/systemd/nspawn/propagate")


class Ending(Enum):
    """How a boot of a machine ended."""

    HALTED = "halted"
    REBOOTED = "rebooted"
    FAILED = "failed"


@dataclass(frozen=True)
class Hardware:
    """What a machine is made of: limits in bytes and in processes and threads."""

    memory: int
    pids: int
    mac: str
    layers: tuple[Path, ...]


class Machine:
    """Prepared once, booted as often as it reboots, released when it is off, erased when nobody wants it."""

    def __init__(
        self, names: Names, subnet: Subnet, instance_id: str, hardware: Hardware, *, port: int
    ) -> None:
        self.names = names
        self.subnet = subnet
        self.instance_id = instance_id
        self.hardware = hardware
        self.folder = names.instance(instance_id)
        self._port = port
        self._group = Group(names.group, instance_id)
        self._process: subprocess.Popen[bytes] | None = None
        self._namespace: Path | None = None
        self._hostname = "localhost"

    @property
    def root(self) -> Path:
        """Where the disk is mounted while the machine is prepared."""
        return self.folder / "root"

    @property
    def upper(self) -> Path:
        """What the machine has written over its layers."""
        return self.folder / "upper"

    @property
    def console(self) -> Path:
        """Everything that came out of the machine's console."""
        return self.folder / "console.log"

    def prepare(self, content: seed.Seed, addresses: tuple[str, ...]) -> None:
        """Mount the disk, plant the seed, plug the cable, set the limits."""
        self.folder.mkdir(parents=True, exist_ok=True)
        work = self.folder / "work"
        mounts.overlay(self.root, lower=list(self.hardware.layers), upper=self.upper, work=work)
        seed.plant(self.root, content)
        self._hostname = content.hostname
        self._namespace = network.plug(
            self.names,
            self.subnet,
            self.instance_id,
            mac=self.hardware.mac,
            addresses=addresses,
            port=self._port,
        )
        self._group.create(memory=self.hardware.memory, pids=self.hardware.pids)

    def boot(self) -> None:
        """Start the machine; its first process appears a moment later."""
        command = [
            *("systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit"),
            *("--resolv-conf=off", "--timezone=off", "--link-journal=no", "--console=read-only"),
            f"--directory={self.root}",
            f"--machine={self.names.machine(self.instance_id)}",
            f"--hostname={self._hostname}",
            f"--network-namespace-path={self._namespace}",
        ]
        # On EC2 /tmp is disk; as memory it would count against the machine's limit.
        environment = {**os.environ, "SYSTEMD_NSPAWN_TMPFS_TMP": "0"}
        with self.console.open("ab") as console:
            self._process = subprocess.Popen(
                self._group.enter(command),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    def wait(self, *, seconds: float | None = None) -> Ending | None:
        """How the boot ended, or None when it has not after `seconds`."""
        if self._process is None:
            return Ending.FAILED
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        return {0: Ending.HALTED, _REBOOTED: Ending.REBOOTED}.get(code, Ending.FAILED)

    def leader(self) -> int | None:
        """The process that is number 1 inside, while there is one."""
        if self._process is None or self._process.poll() is not None:
            return None
        with suppress(OSError, ValueError):
            children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
            # The stub that nspawn keeps for a moment shares our namespaces; the leader has its own.
            for child in map(int, children.split()):
                if Path(f"/proc/{child}/ns/pid").stat().st_ino != Path("/proc/self/ns/pid").stat().st_ino:
                    return child
        return None

    def has(self, path: str) -> bool:
        """Whether a path, such as a socket of a service, exists inside the running machine."""
        leader = self.leader()
        return leader is not None and os.path.lexists(f"/proc/{leader}/root{path}")

    def signal(self, number: int) -> None:
        """Ask the machine's first process for something."""
        leader = self.leader()
        if leader is not None:
            with suppress(ProcessLookupError):
                os.kill(leader, number)

    def power_off(self, *, seconds: float) -> None:
        """Shut down in good order; what is left after `seconds` is killed."""
        deadline = time.monotonic() + seconds
        while self._process is not None and self._process.poll() is None:
            if time.monotonic() > deadline:
                self._group.remove()
                break
            # A first process that has only just begun hears nothing yet, so it is asked again.
            self.signal(POWER_OFF)
            self.wait(seconds=1)

    def release(self) -> None:
        """Give the host back everything but the disk's content."""
        self._group.remove()
        if self._process is not None:
            self._process.wait()
        network.unplug(self.names, self.instance_id)
        mounts.unmount_below(self.folder)
        with suppress(OSError):
            (_PROPAGATE / self.names.machine(self.instance_id)).rmdir()

    def erase(self) -> None:
        """Delete the disk's content; the console stays for those who ask afterwards."""
        for name in ("root", "upper", "work"):
            mounts.remove_tree(self.folder / name)
