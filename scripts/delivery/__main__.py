"""Run by scripts/pipeline."""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from scripts.delivery.buildspec import BuildError
from scripts.delivery.cloud import Cloud
from scripts.delivery.portal import ROOT, Delivery

SUBNET, PORT = "10.221.0.0/24", 4571


@contextmanager
def local_cloud(*, name: str, subnet: str, port: int, state: Path) -> Iterator[Cloud]:
    """One of its own, until the end of this."""
    command = [sys.executable, "-m", "localcloud", "up", f"--name={name}", f"--subnet={subnet}"]
    command += [f"--port={port}", f"--state={state}"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - a pipe was asked for
            for line in process.stdout:
                if ready := re.match(r"ready endpoint=(\S+) bridge=(\S+)", line):
                    yield Cloud(ready[1], ready[1].replace("127.0.0.1", ready[2]))
                    return
            raise RuntimeError("the local cloud did not start")
        finally:
            process.terminate()


def main(arguments: list[str] | None = None) -> int:
    """The exit code."""
    options = _parser().parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:5.0f} s] {text}", flush=True)

    with (
        tempfile.TemporaryDirectory(prefix="ecdeployer-pipeline-") as folder,
        local_cloud(name="pipeline", subnet=SUBNET, port=PORT, state=options.state) as cloud,
    ):
        delivery = Delivery(cloud, Path(folder), say)
        delivery.prepare(machines=options.machines)
        code = _deliver(delivery, options)
        if options.keep:
            print(f"\nThe portal is at {delivery.neighbours.url}. Ctrl-C ends it.", flush=True)
            signal.pause()
        return code


def _deliver(delivery: Delivery, options: argparse.Namespace) -> int:
    code = 0
    for commit in options.commits or ["HEAD"]:
        try:
            revision = delivery.build(ROOT, commit, {"CHECKS": options.checks, "TESTS": options.tests})
        except BuildError as error:
            delivery.say(f"the build failed\n{error}")
            return 1
        deployment = delivery.deploy(revision)
        code = 1 if deployment.failed else 0
        told = f"failed: {deployment.reason}" if code else f"{revision.commit[:12]} is live"
        delivery.say(f"{told}: {delivery.neighbours.url}")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/pipeline", allow_abbrev=False)
    parser.add_argument("commits", nargs="*", metavar="COMMIT")
    parser.add_argument("--machines", type=int, default=1)
    parser.add_argument("--checks", default="all")
    parser.add_argument("--tests", default="unit")
    parser.add_argument("--keep", action="store_true")
    state = os.environ.get("LOCALCLOUD_STATE", "/var/lib/localcloud")
    parser.add_argument("--state", type=Path, default=state, help=argparse.SUPPRESS)
    return parser


def _leave(number: int, _: FrameType | None) -> NoReturn:
    """From here on everything is ended; a second Ctrl-C does not interrupt that."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    sys.exit(0 if number == signal.SIGINT else 128 + number)


if __name__ == "__main__":
    sys.exit(main())
