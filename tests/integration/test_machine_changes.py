"""A machine that is stopped, started, rebooted and resized: its site comes back at the same address."""

import time
from collections.abc import Iterator
from typing import Any, LiteralString

import boto3
import psycopg
import pytest
import requests
from psycopg import sql

from tests.integration.deployment_stack import (
    CLOUD_PORT,
    Stack,
    running_stack,
    start_worker,
    wait_until,
)
from tests.integration.guestbook import GUESTBOOK, sign

#: See tests/conftest.py.
IN_ORDER = True

CODE = (
    "from ecdeployer.applications.models import Application; from ecdeployer.machines import actions; "
    "a = Application.objects.get(name={name!r}); actions.{act}(a, {given}by=a.owner)"
)


class Site:
    """One live guestbook, and its records."""

    def __init__(self, stack: Stack, name: str) -> None:
        self.stack, self.name = stack, name
        stack.create("guestbook", "--project-name=guestbook", f"--name={name}")

    def rows(self, what: LiteralString) -> list[tuple[Any, ...]]:
        joined: LiteralString = (
            "SELECT {} FROM applications_application a JOIN instances_instance i ON i.application_id = a.id "
            "LEFT JOIN instances_address e ON e.instance_id = i.id "
            "WHERE a.name = %s ORDER BY i.created_at DESC"
        )
        with psycopg.connect(self.stack.environment["DATABASE_URL"]) as connection:
            return connection.execute(sql.SQL(joined).format(sql.SQL(what)), [self.name]).fetchall()

    @property
    def address(self) -> str:
        return str(self.rows("host(e.public_ip)")[0][0])

    def page(self) -> int:
        try:
            return requests.get(f"http://{self.address}/", timeout=3).status_code
        except requests.RequestException:
            return 0

    def sign(self, message: str) -> None:
        """An entry of the guestbook."""
        sign(self.address, "Ada", message)

    def ask(self, act: str, given: str = "", **named: str) -> None:
        words = [*([repr(given)] if given else []), *(f"{name}={value!r}" for name, value in named.items())]
        code = CODE.format(name=self.name, act=act, given="".join(f"{word}, " for word in words))
        self.stack.manage("shell", "--verbosity=0", "-c", code)

    def change(self) -> tuple[str, str]:
        """State and reason of the newest."""
        query = (
            "SELECT c.state, c.reason FROM machines_change c JOIN applications_application a "
            "ON a.id = c.application_id WHERE a.name = %s ORDER BY c.created_at DESC"
        )
        with psycopg.connect(self.stack.environment["DATABASE_URL"]) as connection:
            found = connection.execute(query, [self.name]).fetchone()
        assert found is not None
        return str(found[0]), str(found[1])

    def done(self) -> None:
        wait_until(lambda: self.change()[0] != "running", seconds=240)
        assert self.change() == ("succeeded", ""), self.stack.logs()


def ec2() -> Any:
    return boto3.client(
        "ec2",
        endpoint_url=f"http://127.0.0.1:{CLOUD_PORT}",
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_stack(tmp_path_factory.mktemp("changes")) as stack:
        stack.publish("guestbook", GUESTBOOK)
        yield Site(stack, "kept")


def test_stop_start_reboot_and_resize_behind_one_address(site: Site) -> None:
    address = site.address
    [elastic] = ec2().describe_addresses()["Addresses"]
    assert elastic["PublicIp"] == address
    assert site.page() == 200

    site.ask("stop")
    site.done()
    assert site.page() == 0
    assert site.rows("i.state, i.reason")[0] == ("stopped", "")

    site.ask("start")
    site.done()
    assert (site.address, site.page()) == (address, 200)

    site.ask("reboot")
    site.done()
    assert (site.address, site.page()) == (address, 200)

    site.ask("resize", "t3.small")
    site.done()
    assert (site.address, site.page()) == (address, 200)
    [machine] = ec2().describe_instances(InstanceIds=[site.rows("i.ec2_id")[0][0]])["Reservations"][0][
        "Instances"
    ]
    assert machine["InstanceType"] == "t3.small" == site.rows("i.instance_type")[0][0]


def test_a_worker_that_is_killed_meanwhile_leaves_it_to_the_next(site: Site) -> None:
    site.ask("reboot")
    time.sleep(1)
    site.stack.kill("worker")
    start_worker(site.stack)
    site.done()
    assert site.page() == 200


def test_a_rebuild_takes_everything_along_behind_the_same_address(site: Site) -> None:
    address, before = site.address, site.rows("i.ec2_id")[0][0]
    site.sign("here to stay")
    site.ask("rebuild", trigger="page")
    wait_until(lambda: site.rows("i.spare")[0] == (False,) and len(site.rows("i.spare")) == 2, seconds=400)
    assert site.address == address
    assert "here to stay" in requests.get(f"http://{address}/", timeout=5).text
    [elastic] = ec2().describe_addresses()["Addresses"]
    assert elastic["InstanceId"] == site.rows("i.ec2_id")[0][0] != before
    wait_until(lambda: ("terminated",) in site.rows("i.state"), seconds=90)


def test_the_address_is_given_back_with_the_site(site: Site) -> None:
    site.stack.manage("terminate_application", site.name)
    wait_until(lambda: ec2().describe_addresses()["Addresses"] == [], seconds=90)
