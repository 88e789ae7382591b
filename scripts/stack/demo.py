"""The whole portal on one machine: local cloud, Redis, web, worker, beat, git server. Run by scripts/demo.

It runs as root, which the local cloud needs; everything else runs as whoever owns the checkout.
"""

import argparse
import fcntl
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import NoReturn

from scripts.stack import portal, samples
from scripts.stack.git_server import is_bare
from scripts.stack.portal import BRIDGE, CLOUD_PORT, GIT_PORT, PERSON, ROOT, Place, kept_secrets
from scripts.stack.programs import Program, ProgramError, Running, end_marked
from scripts.stack.services import free_port, redis

_ENSURE_PERSON = """
from ecdeployer.accounts.models import User
import os
user, _ = User.objects.get_or_create(username=os.environ["DEMO_PERSON"])
user.set_password(os.environ["DEMO_PASSWORD"])
user.save()
"""


@dataclass
class Demo:
    """One start, and what it has started so far."""

    place: Place
    closings: ExitStack
    began: float = field(default_factory=time.monotonic)
    running: list[Running] = field(default_factory=list)

    def say(self, text: str) -> None:
        print(f"[{time.monotonic() - self.began:5.1f} s] {text}", flush=True)

    @property
    def logs(self) -> Path:
        return self.place.state / "logs"

    def start(self, program: Program, *, show: Callable[[str], None] | None = None) -> None:
        """Start it, and wait until it serves."""
        running = Running(program, logs=self.logs, mark=str(self.place.state))
        self.closings.callback(running.stop)
        running.wait_until_ready(show=show)
        self.running.append(running)

    def run(self, program: Program, *, show: Callable[[str], None] | None = None) -> None:
        """Run it to its end."""
        running = Running(program, logs=self.logs, mark=str(self.place.state))
        self.closings.callback(running.stop)
        running.finish(show=show)


def main(arguments: list[str] | None = None) -> int:
    """The exit code."""
    options = _parser().parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    with ExitStack() as closings:
        demo = Demo(
            Place(
                state=options.state,
                cloud_state=options.cloud_state,
                port=options.port,
                git_folders=[options.serve_git.resolve()] if options.serve_git else [],
            ),
            closings,
        )
        _prepare(demo, reset=options.reset)
        try:
            _start(demo)
        except ProgramError as error:
            print(f"\n{error}\nThe logs are in {demo.logs}.", file=sys.stderr)
            return 1
        _announce(demo)
        return _watch(demo)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/demo", allow_abbrev=False)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--reset", action="store_true")
    parser.add_argument("--serve-git", type=_folder, metavar="FOLDER")
    parser.add_argument("--state", type=Path, default="/var/lib/ecdeployer-demo", help=argparse.SUPPRESS)
    parser.add_argument("--cloud-state", type=Path, default="/var/lib/localcloud", help=argparse.SUPPRESS)
    return parser


def _folder(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text}")
    return path


def _leave(number: int, _: FrameType | None) -> NoReturn:
    """From here on the closings run; a second Ctrl-C does not interrupt them."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    print("\nEnding everything …", flush=True)
    sys.exit(0 if number == signal.SIGINT else 128 + number)


def _prepare(demo: Demo, *, reset: bool) -> None:
    """The folder, for one demo at a time, without what a killed one has left."""
    demo.place.state.mkdir(parents=True, exist_ok=True)
    lock = demo.closings.enter_context((demo.place.state / "lock").open("w"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit("The demo is running already.")
    left = end_marked(str(demo.place.state))
    if left:
        demo.say(f"ended {left} processes that an earlier demo had left")
    for port, what in (
        (demo.place.port, "the portal: choose another with --port"),
        (CLOUD_PORT, "the local cloud"),
    ):
        _check_free(port, what)
    if reset:
        _forget(demo)
    for name in ("logs", "git", "static", "redis", "tmp"):
        (demo.place.state / name).mkdir(exist_ok=True)
    # An earlier demo may have run as somebody else.
    for path in (demo.place.state, *demo.place.state.rglob("*")):
        os.chown(path, demo.place.account.uid, demo.place.account.gid, follow_symlinks=False)


def _forget(demo: Demo) -> None:
    for path in (*demo.place.state.iterdir(), demo.place.cloud_state / "images"):
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "lock":
            path.unlink(missing_ok=True)


def _check_free(port: int, what: str) -> None:
    try:
        with socket.create_server(("127.0.0.1", port)):
            pass
    except OSError as error:
        sys.exit(f"Port {port} is needed by {what} ({error.strerror}).")


def _start(demo: Demo) -> None:
    demo.say("local cloud")
    demo.start(portal.cloud(demo.place), show=_indented)
    demo.say("Redis and the git server")
    redis_port = free_port()
    demo.start(redis(demo.place.state / "redis", port=redis_port, account=demo.place.account))
    samples.publish(ROOT / "samples", demo.place.state / "git", demo.place.account)
    demo.start(portal.git(demo.place))
    environment = portal.environment(demo.place, redis_port=redis_port)
    demo.say("database, static files and the demo's account")
    _manage(demo, environment, "migrate", "--verbosity=0")
    _manage(demo, environment, "collectstatic", "--no-input", "--verbosity=0")
    _manage(demo, environment, "shell", "--verbosity=0", "--command", _ENSURE_PERSON)
    demo.say("what the AWS account has to hold")
    _manage(demo, environment, "ensure_infrastructure")
    _manage(demo, environment, "reconcile", "--trust")
    demo.say("golden image; the first one takes about two minutes")
    _manage(demo, environment, "build_golden_image", "--if-missing", patience=3600, show=_indented)
    demo.say("portal, worker and beat")
    for program in portal.portal(demo.place, environment):
        demo.start(program)


def _indented(line: str) -> None:
    print(f"            {line}", flush=True)


def _manage(
    demo: Demo,
    environment: dict[str, str],
    *arguments: str,
    patience: float = 120,
    show: Callable[[str], None] | None = None,
) -> None:
    program = Program(
        name=arguments[0],
        command=[sys.executable, "manage.py", *arguments],
        account=demo.place.account,
        environment=environment,
        directory=ROOT / "ecdeployer",
        patience=patience,
    )
    demo.run(program, show=show)


def _announce(demo: Demo) -> None:
    password = kept_secrets(demo.place)["password"]
    own = [
        path.name for folder in demo.place.git_folders for path in sorted(folder.iterdir()) if is_bare(path)
    ]
    rows = [
        ("Portal", f"http://127.0.0.1:{demo.place.port}/"),
        ("Sign in as", PERSON),
        ("Password", password),
        ("Project name", "guestbook"),
        ("Repository", f"http://{BRIDGE}:{GIT_PORT}/guestbook"),
        *(("Yours", f"http://{BRIDGE}:{GIT_PORT}/{name.removesuffix('.git')}") for name in own),
    ]
    print(f"\nReady after {time.monotonic() - demo.began:.0f} s. Ctrl-C ends it.\n")
    for name, value in rows:
        print(f"  {name:<14}{value}")
    print(flush=True)


def _watch(demo: Demo) -> int:
    while True:
        for running in demo.running:
            if running.has_ended:
                print(running.obituary(), file=sys.stderr)
                return 1
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
