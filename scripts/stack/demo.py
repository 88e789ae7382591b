"""The whole portal on one machine: local cloud, Redis, web, worker, beat, git server. Run by scripts/demo.

It runs as root, which the local cloud needs; everything else runs as whoever owns the checkout.
"""

import argparse
import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import NoReturn

from scripts.stack import samples
from scripts.stack.git_server import is_bare
from scripts.stack.programs import Account, Program, ProgramError, Running, end_marked
from scripts.stack.services import free_port, redis

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(sys.executable).parent
CLOUD = "demo"
#: The local cloud of the demo; its first address is the host's own on the machines' network.
SUBNET, BRIDGE, CLOUD_PORT, GIT_PORT = "10.213.0.0/24", "10.213.0.1", 4566, 9418
PERSON = "demo"
_KEPT = (
    "PATH",
    "LANG",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
)
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

    state: Path
    cloud_state: Path
    port: int
    git_folders: list[Path]
    closings: ExitStack
    account: Account = field(default_factory=lambda: Account.owner(ROOT))
    began: float = field(default_factory=time.monotonic)
    running: list[Running] = field(default_factory=list)

    def say(self, text: str) -> None:
        print(f"[{time.monotonic() - self.began:5.1f} s] {text}", flush=True)

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    def start(self, program: Program, *, show: Callable[[str], None] | None = None) -> None:
        """Start it, and wait until it serves."""
        running = Running(program, logs=self.logs, mark=str(self.state))
        self.closings.callback(running.stop)
        running.wait_until_ready(show=show)
        self.running.append(running)

    def run(self, program: Program, *, show: Callable[[str], None] | None = None) -> None:
        """Run it to its end."""
        running = Running(program, logs=self.logs, mark=str(self.state))
        self.closings.callback(running.stop)
        running.finish(show=show)


def main(arguments: list[str] | None = None) -> int:
    """The exit code."""
    options = _parser().parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    with ExitStack() as closings:
        demo = Demo(
            state=options.state,
            cloud_state=options.cloud_state,
            port=options.port,
            git_folders=[options.serve_git.resolve()] if options.serve_git else [],
            closings=closings,
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
    demo.state.mkdir(parents=True, exist_ok=True)
    lock = demo.closings.enter_context((demo.state / "lock").open("w"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit("The demo is running already.")
    left = end_marked(str(demo.state))
    if left:
        demo.say(f"ended {left} processes that an earlier demo had left")
    for port, what in (
        (demo.port, "the portal: choose another with --port"),
        (CLOUD_PORT, "the local cloud"),
    ):
        _check_free(port, what)
    if reset:
        _forget(demo)
    for name in ("logs", "git", "static", "redis", "tmp"):
        (demo.state / name).mkdir(exist_ok=True)
    # An earlier demo may have run as somebody else.
    for path in (demo.state, *demo.state.rglob("*")):
        os.chown(path, demo.account.uid, demo.account.gid, follow_symlinks=False)


def _forget(demo: Demo) -> None:
    for path in (*demo.state.iterdir(), demo.cloud_state / "images"):
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
    demo.start(_cloud(demo), show=_indented)
    demo.say("Redis and the git server")
    redis_port = free_port()
    demo.start(redis(demo.state / "redis", port=redis_port, account=demo.account))
    samples.publish(ROOT / "samples", demo.state / "git", demo.account)
    demo.start(_git(demo))
    environment = _environment(demo, redis_port=redis_port)
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
    for program in _portal(demo, environment):
        demo.start(program)


def _indented(line: str) -> None:
    print(f"            {line}", flush=True)


def _cloud(demo: Demo) -> Program:
    options = [
        "--name",
        CLOUD,
        "--subnet",
        SUBNET,
        "--port",
        str(CLOUD_PORT),
        "--state",
        str(demo.cloud_state),
    ]
    return Program(
        name="cloud",
        command=[sys.executable, "-m", "localcloud", "up", *options],
        account=Account(0, 0),
        environment={**_kept(), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        ready="ready endpoint=",
        patience=1200,
    )


def _git(demo: Demo) -> Program:
    folders = ", ".join(repr(str(folder)) for folder in [demo.state / "git", *demo.git_folders])
    return Program(
        name="git",
        command=[
            *_gunicorn(8),
            "--bind",
            f"{BRIDGE}:{GIT_PORT}",
            f"scripts.stack.git_server:application({folders})",
        ],
        account=demo.account,
        environment={**_kept(), "PYTHONPATH": str(ROOT)},
        ready="Booting worker",
    )


def _gunicorn(threads: int) -> list[str]:
    return [str(TOOLS / "gunicorn"), "--no-control-socket", "--threads", str(threads)]


def _kept() -> dict[str, str]:
    return {name: os.environ[name] for name in _KEPT if name in os.environ}


def _environment(demo: Demo, *, redis_port: int) -> dict[str, str]:
    """The portal's settings, as docs/operating.md describes them."""
    kept = _secrets(demo)
    return {
        **_kept(),
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(demo.state / "tmp"),
        "SECRET_KEY": kept["secret_key"],
        "PORTAL_URL": f"http://127.0.0.1:{demo.port}",
        "ALLOWED_HOSTS": "localhost",
        "INSTANCE_PORTAL_URL": f"http://{BRIDGE}:{demo.port}",
        "DATABASE_URL": f"sqlite:///{demo.state}/portal.sqlite3",
        "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
        "STATIC_ROOT": str(demo.state / "static"),
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{CLOUD_PORT}",
        "INSTANCE_AWS_ENDPOINT_URL": f"http://{BRIDGE}:{CLOUD_PORT}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AGENTS": "skip",
        "PYTHON_DOWNLOADS": str(_reaches_github()).lower(),
        "SIGN_UP": "true",
        "GIT_HOSTS": f"github.com,http://{BRIDGE}:{GIT_PORT}",
        "DEMO_PERSON": PERSON,
        "DEMO_PASSWORD": kept["password"],
    }


def _reaches_github() -> bool:
    """uv fetches the Pythons that Debian lacks from there. Behind a proxy it is taken for reachable."""
    if os.environ.get("https_proxy") or os.environ.get("HTTPS_PROXY"):
        return True
    try:
        with socket.create_connection(("github.com", 443), timeout=2):
            return True
    except OSError:
        return False


def _secrets(demo: Demo) -> dict[str, str]:
    """Made once, for this machine alone: sites on the demo's machines can reach the portal."""
    path = demo.state / "secrets.json"
    if not path.exists():
        made = {"secret_key": secrets.token_urlsafe(48), "password": secrets.token_urlsafe(9)}
        path.touch(mode=0o600)
        path.write_text(json.dumps(made))
    kept: dict[str, str] = json.loads(path.read_text())
    return kept


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
        account=demo.account,
        environment=environment,
        directory=ROOT / "ecdeployer",
        patience=patience,
    )
    demo.run(program, show=show)


def _portal(demo: Demo, environment: dict[str, str]) -> Iterable[Program]:
    celery = [str(TOOLS / "celery"), "--app", "ecdeployer.celery"]
    binds = [option for host in ("127.0.0.1", BRIDGE) for option in ("--bind", f"{host}:{demo.port}")]
    commands = {
        "web": ([*_gunicorn(4), "--workers", "2", *binds, "ecdeployer.wsgi"], "Booting worker"),
        "worker": ([*celery, "worker", "--concurrency", "2", "--loglevel", "INFO"], " ready."),
        "beat": (
            [*celery, "beat", "--schedule", str(demo.state / "tmp" / "beat"), "--loglevel", "INFO"],
            "beat: Starting",
        ),
    }
    for name, (command, ready) in commands.items():
        yield Program(
            name=name,
            command=command,
            account=demo.account,
            environment=environment,
            directory=ROOT / "ecdeployer",
            ready=ready,
        )


def _announce(demo: Demo) -> None:
    password = _secrets(demo)["password"]
    own = [path.name for folder in demo.git_folders for path in sorted(folder.iterdir()) if is_bare(path)]
    rows = [
        ("Portal", f"http://127.0.0.1:{demo.port}/"),
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
