"""One thread for each machine: it boots it, watches it, ends it, and keeps the instance's record true."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from localcloud.host import CommandError
from localcloud.images import LAYERS_FILE, Store
from localcloud.machine import REBOOT, Ending, Machine
from localcloud.seed import Seed

_POLL = 0.1
_READY = "/run/systemd/private"
_BUS = "/run/dbus/system_bus_socket"

#: Asked for at each life: they may change while the machine runs.
Addresses = Callable[[], tuple[str, ...]]


class Goal(Enum):
    """What somebody wants of a machine."""

    RUN = "run"
    STOP = "stop"
    TERMINATE = "terminate"


class Cause(Enum):
    """Why a machine is off."""

    ASKED = "asked"
    ITSELF = "itself"
    FAILED = "failed"


@dataclass(frozen=True)
class Hooks:
    """Told from the machine's thread: it is up; it is off and stays on disk, or is gone."""

    running: Callable[[], None]
    stopped: Callable[[Cause], None]
    terminated: Callable[[Cause], None]


@dataclass
class Capture:
    """A wish for an image; `done` gets the layers, or nothing when it could not be made."""

    store: Store
    done: Callable[[tuple[str, ...]], None]


class Supervisor:
    """Everything that happens to a machine happens in its thread; the other methods only ask for it."""

    def __init__(self, machine: Machine, layers: tuple[str, ...], hooks: Hooks) -> None:
        self.machine = machine
        self._layers = layers
        self._hooks = hooks
        self._goal = Goal.RUN
        self._patience = 30.0
        self._captures: list[Capture] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.gone = False
        self._on = False
        self._registered = False

    def start(self, seed: Seed, addresses: Addresses, *, ends_on_halt: Callable[[], bool]) -> None:
        """Boot in a new thread; an earlier boot's thread, if any, is waited for in there."""
        self._goal = Goal.RUN
        self._on = True
        self._follow(lambda: self._live(seed, addresses, ends_on_halt=ends_on_halt))

    def stop(self, *, seconds: float) -> None:
        """Shut the machine down and keep its disk."""
        self._patience = seconds
        self._goal = Goal.STOP if self._goal is Goal.RUN else self._goal

    def terminate(self, *, seconds: float) -> None:
        """Shut the machine down, if it is up, and delete its disk."""
        self._patience = seconds
        self._goal = Goal.TERMINATE
        self._follow(lambda: self._vanish(Cause.ASKED))

    def reboot(self) -> None:
        """As by `systemctl reboot` inside."""
        self.machine.signal(REBOOT)

    def capture(self, wish: Capture, *, reboot: bool) -> None:
        """Keep the disk as layers: of a machine that is off at once, else after a reboot or as it runs."""
        with self._lock:
            if self._on and reboot:
                self._captures.append(wish)
            elif self._on:
                threading.Thread(target=self._copy, args=(wish,), daemon=True).start()
            else:
                self._follow(lambda: self._take(wish))

    def join(self, seconds: float) -> None:
        """Wait until nothing is under way."""
        if self._thread is not None:
            self._thread.join(seconds)

    @property
    def answers(self) -> bool:
        """Whether services inside can be reached, by Run Command for one."""
        return self.machine.has(_BUS)

    @property
    def registered(self) -> bool:
        """Whether services inside could be reached at some time since the launch."""
        self._registered = self._registered or self.answers
        return self._registered

    def _follow(self, work: Callable[[], None]) -> None:
        before = self._thread

        def run() -> None:
            if before is not None:
                before.join()
            work()

        self._thread = threading.Thread(target=run, name=self.machine.instance_id, daemon=True)
        self._thread.start()

    def _live(self, seed: Seed, addresses: Addresses, *, ends_on_halt: Callable[[], bool]) -> None:
        ending = self._cycle(seed, addresses)
        if self._goal is Goal.TERMINATE:
            return
        if self._goal is Goal.STOP:
            self._hooks.stopped(Cause.ASKED)
        elif ending is None:
            self._vanish(Cause.FAILED)
        elif ending is Ending.HALTED and ends_on_halt():
            self._vanish(Cause.ITSELF)
        else:
            self._hooks.stopped(Cause.ITSELF if ending is Ending.HALTED else Cause.FAILED)

    def _cycle(self, seed: Seed, addresses: Addresses) -> Ending | None:
        """Boots of one life; None when the machine never came up."""
        while True:
            try:
                self._keep_layers()
                self.machine.prepare(seed, addresses())
                ending = self._boots()
            except (CommandError, OSError) as error:
                self._note(f"localcloud: {error}")
                ending = None
            finally:
                self.machine.release()
            with self._lock:
                wishes, self._captures = self._captures, []
                self._on = bool(wishes) and ending is not None and self._goal is Goal.RUN
            for wish in wishes:
                self._take(wish)
            if not self._on:
                return ending

    def _boots(self) -> Ending | None:
        """Boot again for as long as the machine reboots itself."""
        while True:
            self.machine.boot()
            if not self._comes_up():
                return None
            self._hooks.running()
            ending = None
            while ending is None:
                ending = self.machine.wait(seconds=_POLL)
                if self._goal is not Goal.RUN or self._captures:
                    self.machine.power_off(seconds=self._patience)
            if ending is not Ending.REBOOTED or self._goal is not Goal.RUN or self._captures:
                return ending

    def _comes_up(self) -> bool:
        while not self.machine.has(_READY):
            if self.machine.wait(seconds=0) is not None:
                return False
            if self._goal is not Goal.RUN:
                self.machine.power_off(seconds=self._patience)
                return True
            time.sleep(0.02)
        return True

    def _vanish(self, cause: Cause) -> None:
        if not self.gone:
            self.gone = True
            self.machine.erase()
            (self.machine.folder / LAYERS_FILE).unlink(missing_ok=True)
            self._hooks.terminated(cause)

    def _take(self, wish: Capture) -> None:
        try:
            layer = wish.store.take(self.machine.upper)
        except OSError as error:
            self._note(f"localcloud: {error}")
            wish.done(())
            return
        self._layers = (layer, *self._layers)
        self.machine.hardware = replace(self.machine.hardware, layers=wish.store.paths(self._layers))
        self._keep_layers()
        wish.done(self._layers)

    def _copy(self, wish: Capture) -> None:
        layers: tuple[str, ...] = ()
        try:
            layers = (wish.store.copy(self.machine.upper), *self._layers)
        except (CommandError, OSError) as error:
            self._note(f"localcloud: {error}")
        wish.done(layers)

    def _keep_layers(self) -> None:
        self.machine.folder.mkdir(parents=True, exist_ok=True)
        (self.machine.folder / LAYERS_FILE).write_text(json.dumps(self._layers))

    def _note(self, text: str) -> None:
        self.machine.folder.mkdir(parents=True, exist_ok=True)
        with self.machine.console.open("a") as console:
            console.write(f"{text}\n")
