"""`python -m localcloud`: up, down, check."""

import argparse
import signal
import sys
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path
from types import FrameType
from typing import NoReturn

from localcloud import cleanup, ec2, host, metadata, network, requirements, server, ssm, stacks
from localcloud.addresses import Subnet
from localcloud.cloud import Cloud, Settings, missing_limits, prepare_base
from localcloud.host import CommandError
from localcloud.names import NameRefusedError, Names
from localcloud.records import Memory

_MIB = 1024 * 1024
_REFUSALS = (cleanup.AlreadyRunningError, network.SubnetInUseError, CommandError, NameRefusedError, OSError)


def main(arguments: list[str] | None = None) -> int:
    """The exit code."""
    options = _parser().parse_args(arguments)
    if options.command == "check":
        return check(options.state)
    try:
        names = Names(options.name, options.state.absolute())
        if options.command == "down":
            cleanup.end(names)
            return 0
        return check(options.state) or up(names, options)
    except _REFUSALS as error:
        print(error, file=sys.stderr)
        return 1


def check(state: Path) -> int:
    """Say what the host lacks."""
    lacking = requirements.missing(state)
    for line in lacking:
        print(line, file=sys.stderr)
    return 1 if lacking else 0


def up(names: Names, options: argparse.Namespace) -> int:
    """Run a local cloud until it is told to end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    began = time.monotonic()

    def progress(message: str) -> None:
        print(f"[{time.monotonic() - began:5.1f} s] {message}", flush=True)

    with ExitStack() as stack:
        stack.enter_context(cleanup.held(names))
        layer = prepare_base(names, progress)
        network.build(names, options.subnet)
        for warning in _warnings(names):
            progress(warning)
        cloud = stack.enter_context(closing(Cloud(_settings(names, options), layer)))
        server.configure(options.region)
        ec2.install(cloud)
        ssm.install(cloud)
        stacks.install()
        application = server.front(metadata.application(cloud))
        addresses = ("127.0.0.1", options.subnet.gateway)
        stack.enter_context(closing(server.Servers(application, addresses, options.port)))
        print(f"ready endpoint=http://127.0.0.1:{options.port} bridge={options.subnet.gateway}", flush=True)
        threading.Event().wait()
    return 0


def _settings(names: Names, options: argparse.Namespace) -> Settings:
    return Settings(
        names=names,
        subnet=options.subnet,
        port=options.port,
        region=options.region,
        memory=Memory(options.machine_memory * _MIB),
        pids=options.machine_pids,
        limit=options.limit,
        elastic_limit=options.elastic_limit,
    )


def _warnings(names: Names) -> list[str]:
    unlimited = [f"This host cannot limit a machine's {name}." for name in missing_limits(names)]
    return [*unlimited, *network.closed_doors(host.run("nft", "-json", "list", "chains"))]


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    """The first signal unwinds everything; later ones must not break into that."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise SystemExit(0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="localcloud", description="AWS on one Linux machine, with machines that boot."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="run a local cloud until Ctrl-C")
    down = commands.add_parser("down", help="end a local cloud, and clear what a killed one left")
    ask = commands.add_parser("check", help="say what this host lacks to boot machines")
    for command in (up, down, ask):
        command.add_argument(
            "--state", type=Path, default=Path("/var/lib/localcloud"), help="disks and images"
        )
    for command in (up, down):
        command.add_argument("--name", default="main", help="several local clouds run side by side by name")
    up.add_argument("--subnet", type=_subnet, default=Subnet.parse("10.213.0.0/24"), help="a private /24")
    up.add_argument("--port", type=int, default=4566, help="of the API, on 127.0.0.1 and the bridge")
    up.add_argument("--region", default="eu-west-1", help="where requests without a region go")
    up.add_argument(
        "--machine-memory", type=int, default=_quarter(), metavar="MIB", help="most for one machine"
    )
    up.add_argument(
        "--machine-pids", type=int, default=2048, metavar="N", help="processes and threads of one machine"
    )
    up.add_argument("--limit", type=_count, default=20, metavar="N", help="instances at once, at most 100")
    up.add_argument(
        "--elastic-limit", type=int, default=5, metavar="N", help="Elastic IP addresses: EC2's quota is 5"
    )
    return parser


def _subnet(text: str) -> Subnet:
    try:
        return Subnet.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _count(text: str) -> int:
    """1 to 100: the subnet has addresses for 117."""
    if not text.isdigit() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError("must be 1 to 100")
    return int(text)


def _quarter() -> int:
    """A quarter of the host's memory in MiB, and at least 512, so that four machines fit."""
    for line in Path("/proc/meminfo").read_text().splitlines() if Path("/proc/meminfo").exists() else ():
        if line.startswith("MemTotal:"):
            return max(512, int(line.split()[1]) // 1024 // 4)
    return 1024


if __name__ == "__main__":
    sys.exit(main())
