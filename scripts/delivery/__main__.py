"""Run by scripts/pipeline."""

import argparse
import os
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import NoReturn

from infrastructure.terminal import Terminal
from scripts.delivery.buildspec import BuildError
from scripts.delivery.cloud import local_cloud
from scripts.delivery.codedeploy import RollbackError
from scripts.delivery.portal import ROOT, Delivery

SUBNET, PORT = "10.221.0.0/24", 4571


def main(arguments: list[str] | None = None) -> int:
    """The exit code."""
    options = _parser().parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    with (
        tempfile.TemporaryDirectory(prefix="ecdeployer-pipeline-") as folder,
        local_cloud(name="pipeline", subnet=SUBNET, port=PORT, state=options.state) as cloud,
    ):
        delivery = Delivery(cloud, Path(folder), Terminal())
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
            revision = delivery.build(ROOT, commit, _variables(options))
            deployment = delivery.deploy(revision)
        except BuildError as error:
            delivery.terminal.step(f"the build failed\n{error}")
            return 1
        except RollbackError as error:
            delivery.terminal.step(str(error))
            return 1
        code = 1 if deployment.failed else 0
        told = f"failed: {deployment.reason}" if code else f"{revision.commit[:12]} is live"
        delivery.terminal.step(f"{told}: {delivery.neighbours.url}")
    return code


def _variables(options: argparse.Namespace) -> dict[str, str]:
    """Those that were given; of the others the build specification has its own."""
    given = {"CHECKS": options.checks, "TESTS": options.tests}
    return {name: value for name, value in given.items() if value is not None}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/pipeline", allow_abbrev=False)
    parser.add_argument("commits", nargs="*", metavar="COMMIT")
    parser.add_argument("--machines", type=int, default=1)
    parser.add_argument("--checks")
    parser.add_argument("--tests")
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
