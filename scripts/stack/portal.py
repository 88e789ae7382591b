"""What the demo consists of: each program, whom it runs as, and the settings that it is given."""

import json
import os
import secrets
import socket
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from scripts.stack.programs import Account, Program

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


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a demo lies: its own folder, the local cloud's, the portal's port, folders of repositories."""

    state: Path
    cloud_state: Path
    port: int
    git_folders: list[Path]
    account: Account = field(default_factory=lambda: Account.owner(ROOT))


def cloud(place: Place) -> Program:
    options = [
        "--name",
        CLOUD,
        "--subnet",
        SUBNET,
        "--port",
        str(CLOUD_PORT),
        "--state",
        str(place.cloud_state),
    ]
    return Program(
        name="cloud",
        command=[sys.executable, "-m", "localcloud", "up", *options],
        account=Account(0, 0),
        environment={**_kept(), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        ready="ready endpoint=",
        patience=1200,
    )


def git(place: Place) -> Program:
    folders = ", ".join(repr(str(folder)) for folder in [place.state / "git", *place.git_folders])
    return Program(
        name="git",
        command=[
            *_gunicorn(8),
            "--bind",
            f"{BRIDGE}:{GIT_PORT}",
            f"scripts.stack.git_server:application({folders})",
        ],
        account=place.account,
        environment={**_kept(), "PYTHONPATH": str(ROOT)},
        ready="Booting worker",
    )


def _gunicorn(threads: int) -> list[str]:
    return [str(TOOLS / "gunicorn"), "--no-control-socket", "--threads", str(threads)]


def _kept() -> dict[str, str]:
    return {name: os.environ[name] for name in _KEPT if name in os.environ}


def environment(place: Place, *, redis_port: int) -> dict[str, str]:
    """The portal's settings, as docs/operating.md describes them."""
    kept = kept_secrets(place)
    return {
        **_kept(),
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(place.state / "tmp"),
        "SECRET_KEY": kept["secret_key"],
        "PORTAL_URL": f"http://127.0.0.1:{place.port}",
        "ALLOWED_HOSTS": "localhost",
        "INSTANCE_PORTAL_URL": f"http://{BRIDGE}:{place.port}",
        "DATABASE_URL": f"sqlite:///{place.state}/portal.sqlite3",
        "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
        "STATIC_ROOT": str(place.state / "static"),
        "METRICS_DIRECTORY": str(place.state / "tmp" / "metrics"),
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


def kept_secrets(place: Place) -> dict[str, str]:
    """Made once, for this machine alone: sites on the demo's machines can reach the portal."""
    path = place.state / "secrets.json"
    if not path.exists():
        made = {"secret_key": secrets.token_urlsafe(48), "password": secrets.token_urlsafe(9)}
        path.touch(mode=0o600)
        path.write_text(json.dumps(made))
    kept: dict[str, str] = json.loads(path.read_text())
    return kept


def portal(place: Place, environment: dict[str, str]) -> Iterable[Program]:
    celery = [str(TOOLS / "celery"), "--app", "ecdeployer.celery"]
    binds = [option for host in ("127.0.0.1", BRIDGE) for option in ("--bind", f"{host}:{place.port}")]
    commands = {
        "web": ([*_gunicorn(4), "--workers", "2", *binds, "ecdeployer.wsgi"], "Booting worker"),
        "worker": ([*celery, "worker", "--concurrency", "2", "--loglevel", "INFO"], " ready."),
        "beat": ([*celery, "beat", "--loglevel", "INFO"], "beat: Starting"),
    }
    for name, (command, ready) in commands.items():
        yield Program(
            name=name,
            command=command,
            account=place.account,
            environment=environment,
            directory=ROOT / "ecdeployer",
            ready=ready,
        )
