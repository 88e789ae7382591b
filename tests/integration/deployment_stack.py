"""The portal with its worker, beat, local cloud and git server: real processes, run by one account."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from redis import Redis

from tests.iam import recording
from tests.integration.databases import new_database
from tests.lane import LANE

ROOT = Path(__file__).resolve().parents[2]
STATE = Path(os.environ.get("LOCALCLOUD_STATE", "/var/lib/localcloud"))
SUBNET, BRIDGE = f"10.218.{LANE}.0/24", f"10.218.{LANE}.1"
CLOUD_PORT, WEB_PORT, GIT_PORT = 4991 + LANE, 8018 + LANE, 9419 + LANE
DATABASE = "deployments"
GIT = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main"]


@dataclass
class Stack:
    """What the tests ask of it. ``environment`` is that of every program."""

    folder: Path
    environment: dict[str, str]
    programs: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *command: str, ready: str, seconds: float = 240) -> None:
        """Start a program, and wait until its log says that it is ready."""
        with self._log(name).open("wb") as log:
            self.programs[name] = subprocess.Popen(
                command,
                cwd=ROOT / "ecdeployer",
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until(lambda: ready in self.text(name) or self._has_ended(name), seconds=seconds)
        assert not self._has_ended(name), self.logs()

    def _has_ended(self, name: str) -> bool:
        return self.programs[name].poll() is not None

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def text(self, name: str) -> str:
        return self._log(name).read_text(errors="replace")

    def kill(self, name: str) -> None:
        """All of its processes at once, as a machine that loses power would."""
        process = self.programs.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        for process in reversed(self.programs.values()):
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def manage(self, *arguments: str, code: int = 0) -> tuple[str, str]:
        """Output and errors of a management command, which has to end with this code."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(
            command,
            cwd=ROOT / "ecdeployer",
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == code, f"{done.stdout}\n{done.stderr}\n{self.logs()}"
        return done.stdout, done.stderr

    def logs(self) -> str:
        """The last words of every program."""
        return "\n".join(f"--- {name}\n{self.text(name)[-3000:]}" for name in self.programs)

    def create(self, name: str, *arguments: str, code: int = 0) -> tuple[dict[str, Any], str]:
        """The command's object, and what it said of a failure."""
        url = f"http://{BRIDGE}:{GIT_PORT}/{name}"
        told, said = self.manage(
            "create_application",
            "--owner=alice",
            f"--github-url={url}",
            "--wait",
            "--json",
            "--timeout=180",
            *arguments,
            code=code,
        )
        return json.loads(told), said

    def publish(self, name: str, tree: Path) -> None:
        """A commit of this folder's files in a bare repository, made or added to."""
        bare, work = self.folder / "git" / name, self.folder / "work" / name
        if not bare.exists():
            subprocess.run([*GIT, "init", "--quiet", "--bare", bare], check=True)
            subprocess.run([*GIT, "clone", "--quiet", bare, work], check=True, capture_output=True)
        shutil.copytree(tree, work, dirs_exist_ok=True)
        subprocess.run([*GIT, "-C", work, "add", "-A", "-f"], check=True)
        subprocess.run([*GIT, "-C", work, "commit", "--quiet", "--allow-empty", "-m", "Change"], check=True)
        subprocess.run([*GIT, "-C", work, "push", "--quiet", "origin", "HEAD:main"], check=True)


def _environment(folder: Path, database_url: str) -> dict[str, str]:
    kept = {"PATH", "HOME", "LANG", "REDIS_URL", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE"}
    return {name: value for name, value in os.environ.items() if name in kept} | {
        "DATABASE_URL": database_url,
        "SECRET_KEY": "for-tests-only-0123456789012345678901234567890123456789",
        "PORTAL_URL": f"http://{BRIDGE}:{WEB_PORT}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{CLOUD_PORT}",
        "INSTANCE_AWS_ENDPOINT_URL": f"http://{BRIDGE}:{CLOUD_PORT}",
        "GIT_HOSTS": f"http://{BRIDGE}:{GIT_PORT}",
        "AGENTS": "skip",
        "STATIC_ROOT": str(folder / "static"),
        "PYTHONUNBUFFERED": "1",
        **recording.environment(),
    }


@contextmanager
def bare_stack(folder: Path, *, database: str) -> Iterator[Stack]:
    """The portal with nothing started, on an empty database and an empty Redis; there is no cloud."""
    with new_database(database) as url:
        stack = Stack(folder, _environment(folder, url))
        redis_url = urlsplit(stack.environment["REDIS_URL"])._replace(path="/1").geturl()
        stack.environment["REDIS_URL"] = redis_url
        with Redis.from_url(redis_url) as redis:
            redis.flushdb()
        try:
            yield stack
        finally:
            stack.stop()


@contextmanager
def running_stack(folder: Path) -> Iterator[Stack]:
    with ExitStack() as stack_of_closings:
        url = stack_of_closings.enter_context(new_database(DATABASE))
        stack = Stack(folder, _environment(folder, url))
        for name in ("git", "work", "static"):
            (folder / name).mkdir()
        stack_of_closings.callback(stack.stop)
        _start(stack)
        yield stack


def _start(stack: Stack) -> None:
    python = sys.executable
    tools = Path(python).parent
    cloud = [
        "up",
        f"--name=deploying{LANE}",
        f"--subnet={SUBNET}",
        f"--port={CLOUD_PORT}",
        f"--state={STATE}",
    ]
    stack.environment.setdefault("PYTHONPATH", str(ROOT))
    stack.start("cloud", python, "-m", "localcloud", *cloud, ready="ready endpoint=", seconds=240)
    server = f'scripts.stack.git_server:application("{stack.folder / "git"}")'
    gunicorn = [str(tools / "gunicorn"), "--threads=8", "--no-control-socket"]
    stack.start("git", *gunicorn, f"--bind={BRIDGE}:{GIT_PORT}", server, ready="Booting worker")
    stack.manage("migrate", "--verbosity=0")
    stack.manage("ensure_infrastructure")
    stack.manage("build_golden_image", "--if-missing")
    stack.manage(
        "shell",
        "--verbosity=0",
        "-c",
        "from ecdeployer.accounts.models import *; User.objects.create_user('alice')",
    )
    start_web(stack)
    start_worker(stack)
    start_beat(stack)


def start_web(stack: Stack) -> None:
    gunicorn = [str(Path(sys.executable).parent / "gunicorn"), "--threads=8", "--no-control-socket"]
    wsgi = "ecdeployer.wsgi:application"
    stack.start("web", *gunicorn, f"--bind={BRIDGE}:{WEB_PORT}", wsgi, ready="Booting worker")


def start_beat(stack: Stack, name: str = "beat") -> None:
    celery = [str(Path(sys.executable).parent / "celery"), "--app=ecdeployer.celery"]
    stack.start(name, *celery, "beat", "--loglevel=INFO", ready="beat: Starting")


def start_worker(stack: Stack) -> None:
    celery = [str(Path(sys.executable).parent / "celery"), "--app=ecdeployer.celery"]
    stack.start("worker", *celery, "worker", "--concurrency=2", "--loglevel=INFO", ready=" ready.")


def wait_until(holds: Callable[[], object], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.2)
