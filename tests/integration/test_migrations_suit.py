"""Which migrations the check of ./scripts/lint lets pass, on PostgreSQL."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, migrations, models
from django.db.migrations import operations as ops
from django.db.migrations.state import ProjectState

from scripts.checks import migrations as check
from scripts.checks.compatibility import objections
from tests.integration.databases import new_database

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).parents[2]
ID = ("id", models.BigAutoField(primary_key=True))
THERE = [
    ops.CreateModel(
        "Product",
        [
            ID,
            ("name", models.CharField(max_length=10)),
            ("price", models.IntegerField(null=True)),
            ("kind", models.CharField(max_length=5, db_default="a")),
        ],
    ),
    ops.CreateModel("Basket", [ID, ("products", models.ManyToManyField("shop.Product"))]),
]
PRICED = models.CheckConstraint(condition=models.Q(price__gt=0), name="priced")
ONE_NAME = models.UniqueConstraint(fields=["name"], name="one_name")


#: Real ones, of which the first takes columns away.
BAD_ONE, GOOD_ONE = "commands.0004_output_is_parts", "commands.0006_processes"


def nothing(*_: Any) -> None:
    """A migration's own code."""


GOOD: dict[str, list[Any]] = {
    "a table": [ops.CreateModel("Order", [ID, ("name", models.CharField(max_length=10, unique=True))])],
    "a table, and columns of it": [
        ops.CreateModel("Order", [ID]),
        ops.AddField("Order", "number", models.IntegerField(default=0)),
        ops.AlterField("Order", "number", models.BigIntegerField(unique=True, default=0)),
        ops.AddConstraint("Order", models.CheckConstraint(condition=models.Q(number__gt=0), name="numbered")),
        ops.RenameField("Order", "number", "count"),
    ],
    "a column that may be empty": [ops.AddField("Product", "weight", models.IntegerField(null=True))],
    "one with Django's default, too": [
        ops.AddField("Product", "weight", models.IntegerField(null=True, default=5))
    ],
    "a column that the database fills": [
        ops.AddField("Product", "weight", models.IntegerField(db_default=5))
    ],
    "a reference that may be empty": [
        ops.AddField("Product", "basket", models.ForeignKey("shop.Basket", models.CASCADE, null=True))
    ],
    "many to many": [ops.AddField("Product", "like", models.ManyToManyField("shop.Product"))],
    "an index": [ops.AddIndex("Product", models.Index(fields=["name"], name="by_name"))],
    "a longer text": [ops.AlterField("Product", "name", models.CharField(max_length=20))],
    "a text without end": [ops.AlterField("Product", "name", models.TextField())],
    "a column that may be empty from now on": [
        ops.AlterField("Product", "name", models.CharField(max_length=10, null=True))
    ],
    "what is Django's alone": [
        ops.AlterField("Product", "price", models.IntegerField(null=True, help_text="In cents.")),
        ops.AlterModelOptions("Product", {"ordering": ["name"]}),
    ],
    "code, and rows": [ops.RunPython(nothing), ops.RunSQL("UPDATE shop_product SET price = 1")],
    "a model that leaves its table": [
        ops.SeparateDatabaseAndState(state_operations=[ops.DeleteModel("Basket")])
    ],
}
BAD: dict[str, tuple[list[Any], str]] = {
    "a column that goes": ([ops.RemoveField("Product", "price")], "DROPPING columns"),
    "a table that goes": ([ops.DeleteModel("Basket")], "DROPPING table"),
    "many to many that goes": ([ops.RemoveField("Basket", "products")], "DROPPING table"),
    "another name of a column": ([ops.RenameField("Product", "price", "cost")], "RENAMING columns"),
    "another name of a table": ([ops.RenameModel("Product", "Thing")], "RENAMING tables"),
    "the same by its options": ([ops.AlterModelTable("Product", "things")], "RENAMING tables"),
    "a column that older code leaves empty": (
        [ops.AddField("Product", "weight", models.IntegerField(default=5))],
        "NOT NULL constraint",
    ),
    "the same behind one that the database fills": (
        [
            ops.AddField("Product", "weight", models.IntegerField(default=5)),
            ops.AddField("Product", "height", models.IntegerField(db_default=5)),
        ],
        "NOT NULL constraint",
    ),
    "a reference to a new table that must be there": (
        [
            ops.CreateModel("Order", [ID]),
            ops.AddField("Product", "order", models.ForeignKey("shop.Order", models.CASCADE, default=1)),
        ],
        "NOT NULL constraint",
    ),
    "a column that must not be empty any more": (
        [ops.AlterField("Product", "price", models.IntegerField(default=0))],
        "NOT NULL",
    ),
    "the same with a default of the database, which older code does not use": (
        [ops.AlterField("Product", "price", models.IntegerField(db_default=0))],
        "NOT NULL on a column",
    ),
    "a default that goes": (
        [ops.AlterField("Product", "kind", models.CharField(max_length=5))],
        "DROPPING a default",
    ),
    "another type": (
        [ops.AlterField("Product", "price", models.CharField(max_length=9, null=True))],
        "ALTERING columns",
    ),
    "a shorter text": (
        [ops.AlterField("Product", "name", models.CharField(max_length=5))],
        "ALTERING columns",
    ),
    "a unique column": (
        [ops.AlterField("Product", "name", models.CharField(max_length=10, unique=True))],
        "ADDING unique constraint",
    ),
    "a unique constraint": ([ops.AddConstraint("Product", ONE_NAME)], "ADDING unique constraint"),
    "a rule that older code may break": ([ops.AddConstraint("Product", PRICED)], "ADDING a constraint"),
    "SQL of one's own": (
        [ops.RunSQL("create table x (id int); alter table shop_product\n  drop column price")],
        "DROPPING columns",
    ),
    "a column that goes behind Django's back": (
        [ops.SeparateDatabaseAndState(database_operations=[ops.RemoveField("Product", "price")])],
        "DROPPING columns",
    ),
}


def migration(operations: list[Any]) -> Any:
    return type("Migration", (migrations.Migration,), {"operations": operations})("0002", "shop")


@pytest.fixture
def state() -> Iterator[ProjectState]:
    """A database that has the tables of an app."""
    state = ProjectState()
    with connection.schema_editor() as editor:
        yield migration(THERE).apply(state, editor)


@pytest.mark.parametrize("name", GOOD)
def test_what_the_running_release_can_live_with_passes(state: ProjectState, name: str) -> None:
    assert objections(migration(GOOD[name]), state, connection) == []


@pytest.mark.parametrize("name", BAD)
def test_what_takes_something_from_the_running_release_is_refused(state: ProjectState, name: str) -> None:
    operations, words = BAD[name]
    found = objections(migration(operations), state, connection)
    assert any(words in each for each in found), found


STEP = f"""
[[second_step]]
migration = "{BAD_ONE}"
since = "0.1.0"
reason = "Output is read from its parts."
"""


def run(folder: Path, said: str, *more: str) -> subprocess.CompletedProcess[str]:
    """The check, as if two of the portal's own migrations were newer than its last release."""
    text = check.FILE.read_text()
    for name in (BAD_ONE, GOOD_ONE):
        assert f'"{name}",' in text
        text = text.replace(f'"{name}",', "")
    file = folder / "releases.toml"
    file.write_text(text + said)
    with new_database("migrations_suit") as url:
        return subprocess.run(
            [sys.executable, "-m", "scripts.checks.migrations", "--here", f"--file={file}", *more],
            cwd=ROOT,
            env=os.environ | {
                "DATABASE_URL": url,
                "DJANGO_SETTINGS_MODULE": "ecdeployer.settings",
                "PYTHONPATH": str(ROOT / "ecdeployer"),
            },
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip


def test_a_new_migration_of_the_portal_is_refused_with_the_way_out(tmp_path: Path) -> None:
    done = run(tmp_path, "")
    assert done.returncode == 1
    assert f"{BAD_ONE}: Remove field output from command: DROPPING columns" in done.stderr
    assert "[[second_step]]" in done.stderr
    assert GOOD_ONE not in done.stderr


def test_no_release_takes_it_in_either(tmp_path: Path) -> None:
    done = run(tmp_path, "", "--release=9.9.9")
    assert done.returncode == 1
    assert BAD_ONE in done.stderr
    assert "9.9.9" not in (tmp_path / "releases.toml").read_text()


def test_the_second_of_two_steps_passes(tmp_path: Path) -> None:
    done = run(tmp_path, STEP)
    assert (done.returncode, done.stderr) == (0, "")
