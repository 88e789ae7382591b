"""./scripts/demo as a person starts it, for the tests and the benchmark."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.stack.portal import BRIDGE, CLOUD_PORT, ROOT

ENDPOINT = f"http://127.0.0.1:{CLOUD_PORT}"
PORT = 8013
_PATIENCE = 900


@dataclass
class RunningDemo:
    """``told`` is what it printed when it was ready: by name."""

    process: subprocess.Popen[str]
    told: Mapping[str, str]
    seconds: float

    @property
    def url(self) -> str:
        return self.told["Portal"].rstrip("/")

    def repository(self, name: str) -> str:
        return self.told["Repository"].rpartition("/")[0] + f"/{name}"

    def interrupt(self) -> int:
        """Ctrl-C, and the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


def start(state: Path, served: Path) -> RunningDemo:
    """Wait until it says that it is ready."""
    cloud = os.environ.get("LOCALCLOUD_STATE", "/var/lib/localcloud")
    options = [f"--port={PORT}", f"--serve-git={served}", f"--state={state}", f"--cloud-state={cloud}"]
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "DATABASE_", "REDIS_"))
    }
    began = time.monotonic()
    log = state.with_suffix(".log")
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "scripts.stack.demo", *options],
            cwd=ROOT,
            env=kept,
            stdout=output,
            stderr=output,
            text=True,
        )
    while "Ctrl-C ends it" not in (text := log.read_text()):
        if process.poll() is not None or time.monotonic() - began > _PATIENCE:
            raise RuntimeError(text)
        time.sleep(0.1)
    time.sleep(0.2)
    told = dict(re.findall(r"^  (\w[\w ]*?)  +(\S+)$", log.read_text(), re.MULTILINE))
    return RunningDemo(process, told, time.monotonic() - began)


@contextmanager
def running_demo(folder: Path) -> Iterator[RunningDemo]:
    demo = start(folder / "state", folder / "served")
    try:
        yield demo
    finally:
        if demo.process.poll() is None:
            demo.interrupt()


def publish(served: Path, name: str, files: Mapping[str, str | bytes]) -> None:
    """A bare repository of these files."""
    work, bare = served.parent / "work" / name, served / name
    for path, content in files.items():
        target = work / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
    git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main"]
    subprocess.run([*git, "init", "--quiet", work], check=True)
    subprocess.run([*git, "-C", work, "add", "--all"], check=True)
    subprocess.run([*git, "-C", work, "commit", "--quiet", "--message", f"The project {name}"], check=True)
    subprocess.run([*git, "clone", "--quiet", "--bare", work, bare], check=True)


def traces() -> list[str]:
    """What a demo could leave behind on this machine."""
    asked = {
        "address": (["ip", "-o", "addr"], BRIDGE),
        "firewall rule": (["nft", "list", "ruleset"], BRIDGE.rpartition(".")[0]),
        "namespace": (["ip", "netns"], "demo"),
        "mount": (["cat", "/proc/mounts"], "/localcloud/demo"),
        "process": (["pgrep", "-af", "scripts.stack.demo|localcloud up --name demo"], "python"),
    }
    found = []
    for what, (command, mark) in asked.items():
        output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        found += [f"{what}: {line}" for line in output.splitlines() if mark in line]
    return found
