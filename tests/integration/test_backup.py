"""The portal's database copied, filled further, and restored elsewhere: nothing is lost, no machine ends."""

import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import psycopg
import pytest
import requests
from ecdeployer.aws import tags

from scripts.stack.services import free_port
from tests.integration.databases import new_database
from tests.integration.deployment_stack import ROOT, Stack, bare_stack

BUCKET = "backups"
OPERATING = ROOT / "docs" / "operating.md"
MAKE = """\
import json
from ecdeployer.accounts import tokens
from ecdeployer.accounts.models import User
from tests.portal_records import *
owner = User.objects.filter(username="alice").first() or make_person("alice")
application = make_application(owner, {name!r})
EnvironmentVariable.objects.create(application=application, name="STRIPE_KEY", value="sk_live_{name}")
instance = make_instance(application, InstanceState.RUNNING, ec2_id={ec2_id!r})
make_deployment(instance, DeploymentState.SUCCEEDED)
token = tokens.create(owner, name={name!r}, days=7)[1]
print(json.dumps({{"instance": str(instance.pk), "application": str(application.pk), "token": token}}))
"""
READ = """\
import json
from ecdeployer.applications.models import EnvironmentVariable
print(json.dumps(list(EnvironmentVariable.objects.values_list("application__name", "value"))))
"""


@dataclass
class Portal:
    """A portal with an account of its own, which knows EC2 and S3, and boots nothing."""

    stack: Stack
    client: Any

    def make(self, name: str) -> dict[str, str]:
        """A live application, whose machine was asked for six minutes ago: old enough to be an orphan."""
        [machine] = self.client("ec2").run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)[
            "Instances"
        ]
        ec2_id = machine["InstanceId"]
        made = json.loads(shell(self.stack, MAKE.format(name=name, ec2_id=ec2_id)))
        told = tags.instance_tags(
            prefix="ecdeployer",
            application=made["application"],
            instance=made["instance"],
            attempt=1,
            asked_at=datetime.now(UTC) - timedelta(minutes=6),
            name=name,
        )
        self.client("ec2").create_tags(Resources=[ec2_id], Tags=tags.to_list(told))
        return {**made, "ec2_id": ec2_id}

    def states(self) -> dict[str, str]:
        pages = self.client("ec2").describe_instances()["Reservations"]
        machines = [machine for page in pages for machine in page["Instances"]]
        return {machine["InstanceId"]: machine["State"]["Name"] for machine in machines}


def shell(stack: Stack, code: str) -> str:
    return stack.manage("shell", "--verbosity=0", "-c", code)[0]


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    with bare_stack(tmp_path_factory.mktemp("portal"), database="backed_up") as stack:
        port = free_port()
        endpoint = f"http://127.0.0.1:{port}"
        stack.environment |= {"AWS_ENDPOINT_URL": endpoint, "PYTHONPATH": str(ROOT)}
        moto = str(Path(sys.executable).parent / "moto_server")
        stack.start("cloud", moto, "--host=127.0.0.1", f"--port={port}", ready="Running on")
        account: Any = partial(boto3.client, region_name="eu-west-1", endpoint_url=endpoint)
        client = partial(account, aws_access_key_id="test", aws_secret_access_key="test")
        region: Any = {"LocationConstraint": "eu-west-1"}
        client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=region)
        stack.manage("migrate", "--verbosity=0")
        yield Portal(stack, client)


@pytest.fixture(scope="module")
def kept(portal: Portal) -> dict[str, str]:
    """What every copy holds. The database has seen an hour's sweeps: it may end what it does not know."""
    made = portal.make("kept")
    portal.stack.manage("reconcile")
    with psycopg.connect(portal.stack.environment["DATABASE_URL"]) as connection:
        connection.execute("UPDATE instances_fleetwatch SET since = now() - interval '1 hour'")
    return made


@contextmanager
def elsewhere(portal: Portal, folder: Path) -> Iterator[Stack]:
    """The same portal on an empty database, at an address of its own."""
    with new_database("restored") as url:
        address = f"http://127.0.0.1:{free_port()}"
        stack = Stack(folder, {**portal.stack.environment, "DATABASE_URL": url, "PORTAL_URL": address})
        try:
            yield stack
        finally:
            stack.stop()


def applications(stack: Stack, token: str) -> list[str]:
    """As the portal's own API answers."""
    address = stack.environment["PORTAL_URL"]
    gunicorn = [str(Path(sys.executable).parent / "gunicorn"), "--no-control-socket"]
    bind = f"--bind={urlsplit(address).netloc}"
    stack.start("web", *gunicorn, bind, "ecdeployer.wsgi", ready="Booting worker")
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.get(f"{address}/api/v1/applications", headers=headers, timeout=30)
    return [each["name"] for each in answer.json()["applications"]]


def test_what_was_copied_is_there_and_what_came_later_runs_on(
    portal: Portal, kept: dict[str, str], tmp_path: Path
) -> None:
    copy = portal.stack.manage("back_up_database", f"s3://{BUCKET}/portal")[0].strip()
    assert copy.startswith(f"s3://{BUCKET}/portal/ecdeployer-2")
    portal.make("later")
    portal.stack.manage("reconcile")
    with elsewhere(portal, tmp_path) as restored:
        restored.manage("restore_database", copy)
        restored.manage("migrate", "--verbosity=0")
        assert "0 instances changed" in restored.manage("reconcile")[0]
        assert list(portal.states().values()) == ["running", "running"]
        assert json.loads(shell(restored, READ)) == [["kept", "sk_live_kept"]]
        assert applications(restored, kept["token"]) == ["kept"]


def test_the_steps_of_the_documentation_put_a_copy_in_the_place_of_what_is_there(
    portal: Portal, kept: dict[str, str], tmp_path: Path
) -> None:
    """`docs/operating.md`, with this database's name: the address of the database stays."""
    [line] = re.findall(r"`portal-manage (dbshell -- .*)`$", OPERATING.read_text(), re.MULTILINE)
    copy = portal.stack.manage("back_up_database", str(tmp_path))[0].strip()
    with elsewhere(portal, tmp_path) as there:
        there.manage("migrate", "--verbosity=0")
        assert "not empty" in there.manage("restore_database", copy, code=1)[1]
        there.manage(
            *shlex.split(line.replace("ecdeployer", "restored").replace(" before", " restored_before"))
        )
        there.manage("restore_database", copy)
        there.manage("migrate", "--verbosity=0")
        assert ["kept", "sk_live_kept"] in json.loads(shell(there, READ))
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("DROP DATABASE restored_before WITH (FORCE)")


def test_a_database_that_holds_something_is_left_alone(
    portal: Portal, kept: dict[str, str], tmp_path: Path
) -> None:
    copy = portal.stack.manage("back_up_database", str(tmp_path))[0].strip()
    assert Path(copy).stat().st_mode & 0o777 == 0o600
    assert "not empty" in portal.stack.manage("restore_database", copy, code=1)[1]
    assert ["kept", "sk_live_kept"] in json.loads(shell(portal.stack, READ))


def test_a_copy_that_is_damaged_restores_nothing(
    portal: Portal, kept: dict[str, str], tmp_path: Path
) -> None:
    copy = Path(portal.stack.manage("back_up_database", str(tmp_path))[0].strip())
    copy.write_bytes(copy.read_bytes()[:-2000])
    with elsewhere(portal, tmp_path) as empty:
        assert "pg_restore ended with 1" in empty.manage("restore_database", str(copy), code=1)[1]
        with psycopg.connect(empty.environment["DATABASE_URL"]) as connection:
            row = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert row == (0,)


def test_nobody_reads_the_password_in_the_list_of_processes(
    portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools, told = tmp_path / "tools", tmp_path / "told"
    tools.mkdir()
    spy = tools / "pg_dump"
    spy.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{told}\nexec {shutil.which("pg_dump")} "$@"\n')
    spy.chmod(0o755)
    path = f"{tools}{os.pathsep}{portal.stack.environment['PATH']}"
    monkeypatch.setitem(portal.stack.environment, "PATH", path)
    portal.stack.manage("back_up_database", str(tmp_path))
    password = urlsplit(portal.stack.environment["DATABASE_URL"]).password
    assert password
    assert "--format=custom" in told.read_text()
    assert password not in told.read_text()
