"""Programs that run beside each other until they are ended, each with a log of its own."""

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

#: In the environment of every program, and so of whatever that starts: none is lost, whoever was killed.
MARK = "ECDEPLOYER_STACK"
_TAIL = 15


class ProgramError(RuntimeError):
    """A program did not start, or ended by itself; the text holds the last lines of its log."""


@dataclass(frozen=True)
class Account:
    """Whom a program runs as."""

    uid: int
    gid: int

    @classmethod
    def owner(cls, path: Path) -> "Account":
        """Whoever a file belongs to."""
        status = path.stat()
        return cls(status.st_uid, status.st_gid)

    def command(self, command: list[str]) -> list[str]:
        """Run by setpriv as this account, and ended when its parent dies."""
        options = ["--pdeathsig", "TERM"]
        if self.uid != os.geteuid():
            options += [f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups"]
        return ["setpriv", *options, "--", *command]


@dataclass(frozen=True, kw_only=True)
class Program:
    """A command, whom it runs as, and what its log says when it serves; ``patience`` is in seconds."""

    name: str
    command: list[str]
    account: Account
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path = Path("/")
    ready: str = ""
    patience: float = 20


class Running:
    """A program that was started."""

    def __init__(self, program: Program, *, logs: Path, mark: str) -> None:
        self.program, self.log = program, logs / f"{program.name}.log"
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                program.account.command(program.command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**program.environment, MARK: mark},
                cwd=program.directory,
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        """All that it has printed."""
        return self.log.read_text(errors="replace")

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def wait_until_ready(self, *, show: Callable[[str], None] | None = None) -> None:
        """Wait for the sign in its log, and meanwhile show each of its lines. Raises ProgramError."""
        self._follow(lambda: self.program.ready in self.text, show)
        if self.has_ended:
            raise ProgramError(self.obituary())

    def finish(self, *, show: Callable[[str], None] | None = None) -> None:
        """Wait for the end of a program that ends by itself. Raises ProgramError unless it ended well."""
        self._follow(lambda: self.has_ended, show)
        if self.process.returncode:
            raise ProgramError(self.obituary())

    def _follow(self, holds: Callable[[], bool], show: Callable[[str], None] | None) -> None:
        deadline, shown = time.monotonic() + self.program.patience, 0
        done = False
        while not done:
            done = holds() or self.has_ended
            lines = self.text.splitlines(keepends=True)
            for line in lines[shown:] if show else ():
                if show and (line.endswith("\n") or done):
                    show(line.rstrip())
                    shown += 1
            if not done and time.monotonic() > deadline:
                raise ProgramError(f"{self.program.name} took too long.\n{self._tail()}")
            time.sleep(0 if done else 0.05)

    def obituary(self) -> str:
        return f"{self.program.name} ended with {self.process.returncode}.\n{self._tail()}"

    def _tail(self) -> str:
        return "\n".join(f"  {line}" for line in self.text.splitlines()[-_TAIL:])

    def stop(self, *, seconds: float = 30) -> None:
        """Ask it to end, and end it when it does not; what it started ends with it."""
        if not self.has_ended:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def end_marked(mark: str) -> int:
    """Kill what an earlier stack with this mark has left, and see it gone; how many there were."""
    ended = 0
    while found := [pid for pid in _pids() if f"{MARK}={mark}".encode() in _environment(pid)]:
        _kill(found)
        ended += len(found)
    return ended


def _kill(pids: list[int]) -> None:
    """Until the last has ended: only then are its ports free."""
    with ExitStack() as closings:
        ending = []
        for pid in pids:
            with suppress(ProcessLookupError):
                process = os.pidfd_open(pid)
                closings.callback(os.close, process)
                signal.pidfd_send_signal(process, signal.SIGKILL)
                ending.append(process)
        while ending:
            ended, _, _ = select.select(ending, [], [])
            ending = [process for process in ending if process not in ended]


def _pids() -> list[int]:
    return [
        int(path.name)
        for path in Path("/proc").iterdir()
        if path.name.isdigit() and int(path.name) != os.getpid()
    ]


def _environment(pid: int) -> list[bytes]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return []
