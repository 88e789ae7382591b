"""Redis that is there and does not answer: pages go on, and what was not said is said by beat."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.stack import services
from scripts.stack.programs import Account, Running

MANAGED = Path(__file__).parents[2] / "ecdeployer"
SAY = """\
import uuid, django
django.setup()
from django.core.cache import cache
from django.core.management import call_command
from ecdeployer.wakeups import wake_deployment
call_command("migrate", verbosity=0)
print("ready", flush=True)
input()
wake_deployment(uuid.uuid4())
from django.contrib.auth import get_user_model
from django.test import Client
get_user_model().objects.create_user("ada", password="a long password")
answer = Client(headers={"host": "127.0.0.1"}).post(
    "/accounts/login/", {"login": "ada", "password": "a long password"}
)
print(cache.get("x", "nothing"), cache.add("x", 1), answer.status_code)
"""


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[tuple[int, str]]:
    """Its process, and its URL."""
    port = services.free_port()
    program = services.redis(tmp_path, port=port, account=Account(os.geteuid(), os.getegid()))
    running = Running(program, logs=tmp_path, mark=str(tmp_path))
    try:
        running.wait_until_ready()
        yield running.process.pid, f"redis://127.0.0.1:{port}/0"
    finally:
        if running.process.poll() is None:
            running.process.send_signal(signal.SIGCONT)
        running.stop()


@pytest.mark.parametrize("away", [signal.SIGSTOP, signal.SIGKILL])
def test_nothing_waits_for_redis(redis: tuple[int, str], tmp_path: Path, away: signal.Signals) -> None:
    pid, url = redis
    database = f"sqlite:///{tmp_path}/portal.sqlite3"
    settings = {
        "REDIS_URL": url, "DATABASE_URL": database, "DJANGO_SETTINGS_MODULE": "ecdeployer.settings"
    }  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-c", SAY],
        cwd=MANAGED, env=os.environ | settings, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as page:  # fmt: skip
        try:
            assert page.stdout is not None
            assert page.stdout.readline() == "ready\n"
            os.kill(pid, away)
            shown, errors = page.communicate("go\n", timeout=45)
        finally:
            page.kill()
    assert shown == "nothing True 302\n", errors
    assert "waits for beat" in errors
    assert page.returncode == 0
