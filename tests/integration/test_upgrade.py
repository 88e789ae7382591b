"""From what a portal of 21 November 2026 left in PostgreSQL to the newest schema, with everything in it.

``old_release.py`` says how the file was made, by that release's own code (commit 8fee407).
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.integration.deployment_stack import Stack, bare_stack

OLD = Path(__file__).with_name("release_of_21_november.sql")
#: Tables that the file fills, and with how many rows: none of them is compared while it is empty.
FILLED = {
    "accounts_apitoken": 1,
    "accounts_user": 1,
    "applications_application": 11,
    "applications_environmentvariable": 2,
    "applications_event": 24,
    "deployments_deployment": 12,
    "deployments_step": 130,
    "instances_instance": 11,
}
ASK = """\
import json
from django.test import Client
from ecdeployer.accounts import tokens
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import EnvironmentVariable
secret = tokens.create(User.objects.get(username="ada"), name="new", days=1)[1]
client = Client(headers={"host": "testserver", "authorization": f"Bearer {secret}"})
applications = client.get("/api/v1/applications?limit=100").json()["applications"]
print(json.dumps({
    "applications": [client.get(f"/api/v1/applications/{each['id']}").json() for each in applications],
    "values": list(EnvironmentVariable.objects.values_list("application__name", "value", "secret")),
}))
"""
Rows = dict[str, tuple[list[str], Counter[tuple[Any, ...]]]]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with bare_stack(tmp_path, database="upgraded") as stack:
        with psycopg.connect(stack.environment["DATABASE_URL"]) as connection:
            connection.execute(OLD.read_bytes())
        yield stack


def read(stack: Stack, columns: dict[str, list[str]] | None = None) -> Rows:
    """Of every table, or of these columns of theirs: the columns and the rows, as text."""
    with psycopg.connect(stack.environment["DATABASE_URL"]) as connection:
        found = columns or _columns(connection)
        return {table: (names, _rows(connection, table, names)) for table, names in found.items()}


def _columns(connection: psycopg.Connection[Any]) -> dict[str, list[str]]:
    rows = connection.execute(
        "SELECT table_name, array_agg(column_name::text ORDER BY ordinal_position)"
        " FROM information_schema.columns WHERE table_schema = 'public' GROUP BY table_name"
    )
    return dict(rows.fetchall())


def _rows(connection: psycopg.Connection[Any], table: str, names: list[str]) -> Counter[tuple[Any, ...]]:
    listed = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in names)
    query = sql.SQL("SELECT {} FROM {}").format(listed, sql.Identifier(table))
    return Counter(connection.execute(query).fetchall())


def test_nothing_that_was_there_is_lost_or_changed(stack: Stack) -> None:
    """Of every column that is there still."""
    before = read(stack)
    assert {table: before[table][1].total() for table in FILLED} == FILLED
    stack.manage("migrate", "--verbosity=0")
    now = {table: names for table, (names, _) in read(stack).items()}
    assert before.keys() <= now.keys()
    kept = {table: [name for name in names if name in now[table]] for table, (names, _) in before.items()}
    assert kept == {table: names for table, (names, _) in before.items()}, "a column is gone"
    after = read(stack, kept)
    lost = {table: rows - after[table][1] for table, (_, rows) in before.items()}
    assert {table: rows for table, rows in lost.items() if rows} == {}


def test_the_portal_works_with_what_it_finds(stack: Stack) -> None:
    stack.manage("migrate", "--verbosity=0")
    stack.manage("migrate", "--check")
    stack.manage("check_status")
    stack.environment["ALLOWED_HOSTS"] = "testserver"
    found = json.loads(stack.manage("shell", "--verbosity=0", "-c", ASK)[0])
    assert sorted(found["values"]) == [
        ["bakery", "sk_live_1", True],
        ["harbour", "sk_live_1", True],
    ]
    assert {each["name"]: each["status"] for each in found["applications"]} == {
        "atelier": "terminated",
        "bakery": "live",
        "cinema": "terminating",
        "gallery": "failed",
        "harbour": "live",
        "library": "queued",
        "newsroom": "failed",
        "orchard": "deploying",
        "surgery": "failed",
        "tannery": "cancelled",
        "winery": "stopped",
    }
    [bakery] = [each for each in found["applications"] if each["name"] == "bakery"]
    assert bakery["instance"]["public_ip"] == "203.0.113.13"
    assert bakery["deployment"]["commit_sha"].startswith("4f9d2c1")
