"""Run Command: a document's scripts run as services inside machines, and what became of them."""

import subprocess
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import IO

from localcloud import host, writing
from localcloud.documents import Step
from localcloud.supervisor import Supervisor

OUTPUT_LIMIT = 24_000
FINAL = ("Success", "Failed", "TimedOut", "Cancelled")
_ORCHESTRATION = "/var/lib/amazon/ssm/{instance}/document/orchestration/{command}/{step}/_script.sh"


@dataclass
class Plugin:
    """One step in one machine; a response code of -1 means that there is none yet."""

    name: str
    status: str = "Pending"
    details: str = "Pending"
    code: int = -1
    output: str = ""
    errors: str = ""
    began: datetime | None = None
    ended: datetime | None = None

    def end(self, status: str, details: str = "", *, code: int) -> None:
        """Its final status."""
        self.status, self.details, self.code = status, details or status, code
        self.ended = datetime.now(UTC)


@dataclass
class Invocation:
    """One command in one machine."""

    instance_id: str
    plugins: list[Plugin]
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def status(self) -> str:
        """The worst that happened, or what happens now."""
        states = [plugin.status for plugin in self.plugins] or ["Success"]
        for state in ("Cancelled", "TimedOut", "Failed"):
            if state in states and (state != "Failed" or all(one in FINAL for one in states)):
                return state
        if all(state == "Success" for state in states):
            return "Success"
        return "Cancelling" if self.cancelled.is_set() else self._unfinished(states)

    @staticmethod
    def _unfinished(states: list[str]) -> str:
        return "Pending" if all(state == "Pending" for state in states) else "InProgress"

    @property
    def details(self) -> str:
        """The status, more precisely."""
        found = [plugin.details for plugin in self.plugins if plugin.status == self.status]
        return found[0] if found else self.status


@dataclass
class Command:
    """A document sent to machines."""

    document: str
    version: str
    comment: str
    parameters: dict[str, list[str]]
    targets: list[dict[str, object]]
    timeout_seconds: int
    invocations: list[Invocation]
    region: str
    command_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    requested: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def expires(self) -> datetime:
        """When delivery is given up."""
        return self.requested + timedelta(seconds=self.timeout_seconds)

    @property
    def status(self) -> str:
        """As of all its machines together."""
        states = [invocation.status for invocation in self.invocations]
        for state in ("Cancelling", "InProgress"):
            if state in states:
                return state
        if "Pending" in states:
            return "Pending" if all(state == "Pending" for state in states) else "InProgress"
        return next((state for state in ("Cancelled", "TimedOut", "Failed") if state in states), "Success")


class Runner:
    """Runs one command's steps in one machine, in a thread of its own."""

    def __init__(
        self, command: Command, invocation: Invocation, supervisor: Supervisor, steps: list[Step]
    ) -> None:
        self._command = command
        self._invocation = invocation
        self._supervisor = supervisor
        self._steps = steps

    def start(self) -> None:
        """Return at once."""
        threading.Thread(target=self._run, name=self._command.command_id, daemon=True).start()

    def _run(self) -> None:
        over = ""
        for plugin, step in zip(self._invocation.plugins, self._steps, strict=True):
            if over:
                plugin.end(over, code=-1)
                continue
            self._deliver(plugin, step)
            if plugin.status in ("Cancelled", "TimedOut") or (
                plugin.status == "Failed" and step.ends_on_failure
            ):
                over = plugin.status

    def _deliver(self, plugin: Plugin, step: Step) -> None:
        while not self._supervisor.answers:
            if self._invocation.cancelled.is_set():
                plugin.end("Cancelled", code=-1)
                return
            if self._supervisor.gone:
                plugin.end("Failed", "Undeliverable", code=-1)
                return
            if datetime.now(UTC) > self._command.expires:
                plugin.end("TimedOut", "DeliveryTimedOut", code=-1)
                return
            time.sleep(0.2)
        plugin.status = plugin.details = "InProgress"
        plugin.began = datetime.now(UTC)
        try:
            self._execute(plugin, step)
        except (OSError, subprocess.SubprocessError) as error:
            plugin.errors = str(error)
            plugin.end("Failed", code=1)

    def _execute(self, plugin: Plugin, step: Step) -> None:
        machine = self._supervisor.machine
        path = _ORCHESTRATION.format(
            instance=machine.instance_id, command=self._command.command_id, step=step.name.replace("/", "-")
        )
        writing.write(machine.root, path, step.script, mode=0o700)
        process = subprocess.Popen(
            self._inside(*self._service(step, path)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        readers = [
            _Reader(process.stdout, lambda text: setattr(plugin, "output", text)),
            _Reader(process.stderr, lambda text: setattr(plugin, "errors", text)),
        ]
        ended = self._wait(process, step.seconds)
        for reader in readers:
            # What a script left in the background may hold its output open for ever.
            reader.join(0.5)
        if ended:
            plugin.end(ended, "ExecutionTimedOut" if ended == "TimedOut" else ended, code=-1)
        else:
            code = process.returncode
            plugin.end("Failed" if code else "Success", code=code)

    def _wait(self, process: subprocess.Popen[bytes], seconds: int) -> str:
        """Nothing when the script ended by itself, or the status that it was ended for."""
        deadline = time.monotonic() + seconds
        while True:
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
                return ""
            ended = "Cancelled" if self._invocation.cancelled.is_set() else ""
            ended = ended or ("TimedOut" if time.monotonic() > deadline else "")
            if ended:
                self._kill(process)
                return ended

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        with suppress(host.CommandError):
            host.run(*self._inside("systemctl", "kill", "--signal=KILL", "--kill-whom=all", self._unit))
        with suppress(subprocess.TimeoutExpired):
            process.wait(2)
        process.kill()
        process.wait()

    @property
    def _unit(self) -> str:
        return f"ssm-{self._command.command_id}.service"

    def _service(self, step: Step, path: str) -> list[str]:
        values = {
            "AWS_SSM_REGION_NAME": self._command.region,
            "AWS_SSM_INSTANCE_ID": self._invocation.instance_id,
            **step.environment,
        }
        return [
            *("systemd-run", "--quiet", "--pipe", "--wait", "--collect", f"--unit={self._unit}"),
            # As under the agent, what a script puts into the background outlives it.
            "--property=KillMode=process",
            *(f"--setenv={name}={value}" for name, value in values.items()),
            *([f"--working-directory={step.working_directory}"] if step.working_directory else []),
            *("/bin/sh", "-c", path),
        ]

    def _inside(self, *command: str) -> list[str]:
        leader = self._supervisor.machine.leader()
        if leader is None:
            raise OSError("The machine is off")
        return ["nsenter", f"--target={leader}", "--all", "--wd=/", "--", *command]


class _Reader(threading.Thread):
    """Keeps the beginning of a stream and reads on to its end, so that the writer is never held up."""

    def __init__(self, stream: IO[bytes] | None, keep: Callable[[str], None]) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self._keep = keep
        self.start()

    def run(self) -> None:
        kept = b""
        with suppress(OSError, ValueError):
            while self._stream is not None and (chunk := self._stream.read1(65_536)):  # type: ignore[attr-defined]
                if len(kept) < OUTPUT_LIMIT * 4:
                    kept += chunk
                    self._keep(kept.decode(errors="replace")[:OUTPUT_LIMIT])
        if self._stream is not None:
            self._stream.close()
