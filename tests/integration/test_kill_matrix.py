"""The promise of docs/reliability.md, with real processes killed at each boundary.

The costliest of them once each; all of them, twenty times each:
``KILLS=20 ./scripts/test integration -- tests/integration/test_kill_matrix.py``.
"""

import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, LiteralString

import boto3
import psycopg
import pytest
import requests
from psycopg import sql
from redis import Redis

from tests.integration.databases import crash_postgresql
from tests.integration.deployment_stack import (
    BRIDGE,
    CLOUD_PORT,
    GIT_PORT,
    WEB_PORT,
    Stack,
    running_stack,
    start_beat,
    start_worker,
    wait_until,
)
from tests.integration.guestbook import GUESTBOOK, sign

ROUNDS = range(int(os.environ.get("KILLS", "1")))
REPOSITORY = f"http://{BRIDGE}:{GIT_PORT}/guestbook"
PORTAL = f"http://{BRIDGE}:{WEB_PORT}"
SECRET = "never-in-a-log-0123456789"
#: Without KILLS those whose loss costs most.
LAUNCHING = ["address allocated", "token committed", "answer unread", "answer unsaved", "before the ack"]
ENDING, SAVING, MOVING = ["end asked for"], ["web after the commit"], ["address led"]
if "KILLS" in os.environ:
    LAUNCHING += [
        "after the claim",
        "repository read",
        "turn taken",
        "address led",
        "environment written",
        "while waiting",
        "before the end",
    ]
    ENDING += ["end verified"]
    MOVING = ["move asked for", "address led", "move ended"]
    SAVING += ["web before the commit"]


class Matrix:
    """A stack whose worker and web die where they are told to."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.file = stack.folder / "boundary"
        self.count = 0
        for name in ("worker", "web"):
            stack.kill(name)
            self.start(name)
        made = (
            "from ecdeployer.accounts import tokens; from ecdeployer.accounts.models import User; "
            "print(tokens.create(User.objects.get(username='alice'), name='matrix', days=7)[1])"
        )
        token = stack.manage("shell", "--verbosity=0", "-c", made)[0].strip()
        self.headers = {"Authorization": f"Bearer {token}"}

    def start(self, name: str) -> None:
        tools = Path(sys.executable).parent
        killing = [sys.executable, "-m", "tests.integration.killing", str(self.file)]
        worker = [
            str(tools / "celery"),
            "--app=ecdeployer.celery",
            "worker",
            "--concurrency=2",
            "--loglevel=INFO",
        ]
        web = [str(tools / "gunicorn"), "--threads=8", "--no-control-socket", f"--bind={BRIDGE}:{WEB_PORT}"]
        if name == "worker":
            self.stack.start(name, *killing, *worker, ready=" ready.")
        else:
            self.stack.start(name, *killing, *web, "ecdeployer.wsgi:application", ready="Booting worker")

    def arm(self, boundary: str) -> None:
        self.file.write_text(boundary)

    def await_death(self, name: str) -> None:
        process = self.stack.programs[name]
        wait_until(lambda: process.poll() is not None, seconds=90)
        assert process.returncode == -signal.SIGKILL
        assert not self.file.exists()
        self.start(name)

    def create(self) -> str:
        self.count += 1
        name = f"killed-{self.count}"
        body = {
            "name": name, "project_name": "guestbook", "github_url": REPOSITORY,
            "environment": {"SECRET_VALUE": SECRET},
        }  # fmt: skip
        self.ask("applications", body)
        return name

    def ask(self, path: str, body: dict[str, Any] | None = None) -> None:
        """Of the API: a management command takes longer to start than most of what is tried here."""
        address = f"{PORTAL}/api/v1/{path}"
        requests.post(address, json=body, headers=self.headers, timeout=30).raise_for_status()

    def ask_of(self, name: str, what: str, body: dict[str, Any] | None = None) -> None:
        self.ask(f"applications/{self.rows('a.id', name)[0][0]}/{what}", body)

    def rows(self, what: LiteralString, name: str) -> list[tuple[Any, ...]]:
        """``what`` is a statement over one application's records, called ``a``, ``d`` and ``i``."""
        joined: LiteralString = (
            "SELECT {} FROM applications_application a "
            "LEFT JOIN deployments_deployment d ON d.application_id = a.id "
            "LEFT JOIN instances_instance i ON i.id = d.instance_id WHERE a.name = %s ORDER BY d.number"
        )
        with psycopg.connect(self.stack.environment["DATABASE_URL"]) as connection:
            return connection.execute(sql.SQL(joined).format(sql.SQL(what)), [name]).fetchall()

    def states(self, name: str) -> list[str]:
        return [state for (state,) in self.rows("d.state", name)]

    def await_end(self, names: list[str], *, seconds: float = 180) -> None:
        final = {"succeeded", "failed", "cancelled"}
        wait_until(lambda: all(set(self.states(name)) <= final for name in names), seconds=seconds)

    def check(self, names: list[str], *, states: list[str] | None = None) -> None:
        """The invariants: one machine, final states, nothing that went backwards, no secret."""
        for name in names:
            reasons = self.rows("d.failed_step, d.failure_code, d.reason", name)
            assert self.states(name) == (states or ["succeeded"]), f"{reasons}\n{self.stack.logs()}"
            (instance,) = set(self.rows("i.id, i.ec2_id", name))
            assert machines(str(instance[0])) == [instance[1]]
            assert list(addresses().values()).count(instance[1]) == 1
            moves = self.moves(name)
            assert len(moves) == len(set(moves)), moves
        self.check_secrets()

    def moves(self, name: str) -> list[tuple[Any, ...]]:
        """Subject and verb of every move in an application's history."""
        with psycopg.connect(self.stack.environment["DATABASE_URL"]) as connection:
            return connection.execute(
                "SELECT e.subject, e.verb FROM applications_event e JOIN applications_application a "
                "ON a.id = e.application_id WHERE a.name = %s AND e.verb LIKE '%%->%%'",
                [name],
            ).fetchall()

    def check_secrets(self) -> None:
        for log in self.stack.folder.glob("*.log"):
            assert SECRET not in log.read_text(errors="replace"), log
        with Redis.from_url(self.stack.environment["REDIS_URL"]) as redis:
            for key in redis.scan_iter():
                with suppress(Exception):
                    assert SECRET.encode() not in redis.dump(key)

    def lasting(self) -> list[str]:
        """The names of those whose end nobody has asked for."""
        with psycopg.connect(self.stack.environment["DATABASE_URL"]) as connection:
            found = connection.execute(
                "SELECT name FROM applications_application WHERE terminate_requested_at IS NULL"
            )
            return [name for (name,) in found.fetchall()]

    def terminate(self, names: list[str]) -> None:
        for name in names:
            self.ask_of(name, "terminate")
        wait_until(lambda: machines() == [], seconds=120)
        # EC2 gives five: the next round has its own. A machine that ends gives a release that ends a minute.
        wait_until(lambda: addresses() == {}, seconds=180)


def client(service: Any) -> Any:
    return boto3.client(
        service,
        endpoint_url=f"http://127.0.0.1:{CLOUD_PORT}",
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def machines(row: str = "*") -> list[str]:
    """The EC2 ids of live machines of one row, or of all."""
    live = {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}
    ours = {"Name": "tag:ecdeployer:instance", "Values": [row]}
    found = client("ec2").describe_instances(Filters=[live, ours])
    return [each["InstanceId"] for reservation in found["Reservations"] for each in reservation["Instances"]]


def addresses() -> dict[str, str]:
    """The machine that each Elastic IP leads to."""
    found = client("ec2").describe_addresses()["Addresses"]
    return {each["PublicIp"]: each.get("InstanceId", "") for each in found}


@pytest.fixture(scope="module")
def stacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    with running_stack(tmp_path_factory.mktemp("matrix")) as stack:
        stack.environment["MACHINES_PER_OWNER"] = stack.environment["MACHINES"] = "1000"
        stack.publish("guestbook", GUESTBOOK)
        stack.manage("collectstatic", "--no-input", "--verbosity=0")
        yield Matrix(stack)


@pytest.fixture
def matrix(stacked: Matrix) -> Iterator[Matrix]:
    """A round that failed leaves no machine to the next one, which counts them all."""
    yield stacked
    if machines():
        stacked.file.unlink(missing_ok=True)
        stacked.terminate(stacked.lasting())


@pytest.mark.parametrize(
    "boundaries", [LAUNCHING[at : at + 5] for at in range(0, len(LAUNCHING), 5)], ids=", ".join
)
@pytest.mark.parametrize("number", ROUNDS)
def test_a_worker_killed_while_it_brings_a_site_live(
    matrix: Matrix, boundaries: list[str], number: int
) -> None:
    names = []
    for boundary in boundaries:
        matrix.arm(boundary)
        names.append(matrix.create())
        matrix.await_death("worker")
    matrix.await_end(names)
    matrix.check(names)
    matrix.terminate(names)


@pytest.mark.parametrize("number", ROUNDS)
def test_a_worker_killed_around_a_command_sends_it_once(matrix: Matrix, number: int) -> None:
    name = matrix.create()
    matrix.await_end([name])
    for boundary in ("command unsent", "command unsaved"):
        matrix.arm(boundary)
        matrix.ask_of(name, "deployments", {"again": True})
        matrix.await_death("worker")
        matrix.await_end([name])
    matrix.check([name], states=["succeeded"] * 3)
    deployments = [str(pk) for pk, number in matrix.rows("d.id, d.number", name) if number > 1]
    comments = [each.get("Comment") for each in client("ssm").list_commands()["Commands"]]
    assert [comments.count(deployment) for deployment in deployments] == [1, 1]
    matrix.terminate([name])


@pytest.mark.parametrize("number", ROUNDS)
def test_a_worker_killed_while_a_site_moves_moves_it_once(matrix: Matrix, number: int) -> None:
    name = matrix.create()
    matrix.await_end([name])
    matrix.check([name])
    [(public_ip, old)] = matrix.rows("host(i.public_ip), i.ec2_id", name)
    sign(public_ip, "Ada")
    matrix.arm(MOVING[0])
    matrix.ask_of(name, "machine/rebuild")
    for following in MOVING[1:]:
        matrix.await_death("worker")
        matrix.arm(following)
    matrix.await_death("worker")
    matrix.await_end([name])
    _, (row, new, state) = matrix.rows("i.id::text, i.ec2_id, d.state", name)
    assert state == "succeeded", f"{matrix.rows('d.reason', name)}\n{matrix.stack.logs()}"
    wait_until(lambda: machines() == [new], seconds=120)
    assert machines(row) == [new] != [old]
    assert addresses() == {public_ip: new}
    assert "Ada" in requests.get(f"http://{public_ip}/", timeout=10).text
    moves = Counter(matrix.moves(name))
    # Of two machines, and of two deployments with numbers of their own.
    assert all(count <= (2 if subject == "instance" else 1) for (subject, _), count in moves.items()), moves
    matrix.check_secrets()
    matrix.terminate([name])


@pytest.mark.parametrize("number", ROUNDS)
def test_a_worker_killed_while_it_ends_a_machine(matrix: Matrix, number: int) -> None:
    names = [matrix.create() for _ in ENDING]
    matrix.await_end(names)
    for boundary, name in zip(ENDING, names, strict=True):
        matrix.arm(boundary)
        matrix.ask_of(name, "terminate")
        matrix.await_death("worker")
    wait_until(lambda: machines() == [], seconds=120)
    left: LiteralString = (
        "(SELECT count(*) FROM instances_ledgerentry l WHERE l.instance_id = i.id AND l.gone_at IS NULL)"
    )
    wait_until(lambda: all(matrix.rows(left, name) == [(0,)] for name in names), seconds=180)


@pytest.mark.parametrize("boundary", SAVING)
@pytest.mark.parametrize("number", ROUNDS)
def test_a_page_killed_while_it_saves_makes_one_application(
    matrix: Matrix, boundary: str, number: int
) -> None:
    password = "alice-long-password"
    save = f"u=User.objects.get(username='alice'); u.set_password({password!r}); u.save()"
    matrix.stack.manage("shell", "--verbosity=0", "-c", f"from ecdeployer.accounts.models import *; {save}")
    matrix.count += 1
    name = f"page-{matrix.count}"
    with requests.Session() as session:
        signed_in = _post(session, "/accounts/login/", login="alice", password=password)
        assert signed_in.status_code == 302, signed_in.text
        form = session.get(f"{PORTAL}/applications/new/", timeout=10).text
        submission = re.search(r'name="submission"[^>]*value="([^"]+)"', form)
        assert submission
        data = {
            "project_name": "guestbook", "github_url": REPOSITORY, "name": name, "submission": submission[1],
            "instance_type": "t3.micro", "health_path": "/",
        }  # fmt: skip
        matrix.arm(boundary)
        with pytest.raises(requests.ConnectionError):
            _post(session, "/applications/new/", **data)
        matrix.await_death("web")
        answer = _post(session, "/applications/new/", **data)
    assert answer.status_code == 302
    assert len(matrix.rows("a.id", name)) == 1
    matrix.await_end([name])
    matrix.check([name])
    matrix.terminate([name])


def _post(session: requests.Session, path: str, **data: str) -> requests.Response:
    page = session.get(f"{PORTAL}{path}", timeout=10).text
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    data["csrfmiddlewaretoken"] = token[1] if token else ""
    return session.post(
        f"{PORTAL}{path}", data=data, allow_redirects=False, headers={"Referer": PORTAL}, timeout=30
    )


@pytest.mark.parametrize("number", ROUNDS)
def test_everything_at_once(matrix: Matrix, number: int) -> None:
    """Redis flushed and away, PostgreSQL crashed, no beat, then two, a machine rebooted, a worker killed."""
    away = 60 if len(ROUNDS) > 1 and number < 5 else 8
    names = [matrix.create() for _ in range(3)]
    url = matrix.stack.environment["REDIS_URL"]
    with Redis.from_url(url) as redis:
        redis.flushall()
        pid = int(redis.info("server")["process_id"])
    matrix.stack.kill("beat")
    crash_postgresql(matrix.stack.environment["DATABASE_URL"])
    os.kill(pid, signal.SIGSTOP)
    time.sleep(away)
    os.kill(pid, signal.SIGCONT)
    for each in machines()[:1]:
        client("ec2").reboot_instances(InstanceIds=[each])
    matrix.stack.kill("worker")
    for name in ("beat", "second-beat"):
        start_beat(matrix.stack, name)
    start_worker(matrix.stack)
    matrix.await_end(names, seconds=400)
    matrix.check(names)
    matrix.stack.kill("second-beat")
    matrix.stack.kill("worker")
    matrix.start("worker")
    matrix.terminate(names)
