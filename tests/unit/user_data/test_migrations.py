"""The plan of small projects whose database lags behind, read in a process of its own as on a machine."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from user_data import ecdeployer_flags as flags

SCRIPTS = Path(__file__).parents[3] / "user_data"
SETTINGS = """\
SECRET_KEY = "k"
INSTALLED_APPS = ["shop"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
"""
FIRST = """\
operations = [
    migrations.CreateModel("Product", [
        ("id", models.BigAutoField(primary_key=True)),
        ("name", models.CharField(max_length=10)),
        ("price", models.IntegerField(null=True)),
        ("tags", models.CharField(max_length=10)),
    ]),
    migrations.CreateModel("Basket", [("id", models.BigAutoField(primary_key=True))]),
    migrations.AddField("Basket", "products", models.ManyToManyField("shop.Product")),
]
"""
HEAD = """\
from django.db import migrations, models


def load(apps, editor):
    raise AssertionError("a plan runs nothing")


class Custom(migrations.operations.base.Operation):
    reversible = False
    def state_forwards(self, app_label, state): pass
    def database_forwards(self, app_label, schema_editor, from_state, to_state): load(None, None)


class Migration(migrations.Migration):
"""


class Project:
    """A project in a folder, with one app whose migrations are given one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "shop/migrations").mkdir(parents=True, exist_ok=True)
        for path in ("shop/__init__.py", "shop/migrations/__init__.py", "shop/models.py"):
            (folder / path).touch()
        (folder / "project.py").write_text(SETTINGS)

    def migration(self, number: int, body: str) -> None:
        before = f'dependencies = [("shop", "{number - 1:04d}_m")]\n' if number > 1 else ""
        text = "".join(f"    {line}\n" for line in (before + dedent(body)).splitlines())
        (self.folder / f"shop/migrations/{number:04d}_m.py").write_text(HEAD + text)

    def run(self, *command: str, pass_fds: tuple[int, ...] = ()) -> "subprocess.CompletedProcess[str]":
        environment = {"PYTHONPATH": str(SCRIPTS), "DJANGO_SETTINGS_MODULE": "project", "PATH": "/usr/bin"}
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            pass_fds=pass_fds,
        )
        assert done.returncode == 0, done.stderr
        return done

    def migrate(self) -> None:
        self.run(str(SCRIPTS / "ecdeployer_manage.py"), "migrate", "--verbosity", "0")

    def execute(self, sql: str) -> None:
        with closing(sqlite3.connect(self.folder / "db.sqlite3")) as database:
            database.executescript(sql)

    def document(self) -> dict[str, Any]:
        with (self.folder / "plan.json").open("w") as file:
            descriptor = file.fileno()
            os.set_inheritable(descriptor, True)
            script = str(SCRIPTS / "ecdeployer_plan.py")
            done = self.run(script, str(descriptor), "check", "--list-tags", pass_fds=(descriptor,))
        assert "models" in done.stdout
        found: dict[str, Any] = json.loads((self.folder / "plan.json").read_text())
        return found

    def plan(self) -> list[dict[str, Any]]:
        document = self.document()
        assert document["unread"] == ""
        migrations: list[dict[str, Any]] = document["migrations"]
        return migrations


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.migration(1, FIRST)
    return made


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = Project(tmp_path_factory.mktemp("template"))
    made.migration(1, FIRST)
    made.migrate()
    return made.folder


@pytest.fixture
def migrated(template: Path, tmp_path: Path) -> Project:
    """One whose database has the first migration."""
    shutil.copytree(template, tmp_path / "project")
    return Project(tmp_path / "project")


def told(plan: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(flag["kind"], flag["text"]) for migration in plan for flag in migration["flags"]]


def test_an_empty_database_cannot_be_hurt(project: Project) -> None:
    project.migration(2, "operations = [migrations.RemoveField('Product', 'price')]")
    plan = project.plan()
    assert [(each["app"], each["name"], each["reversible"]) for each in plan] == [
        ("shop", "0001_m", True),
        ("shop", "0002_m", True),
    ]
    assert plan[0]["operations"][0] == "Create model Product"
    assert told(plan) == []


def test_nothing_is_ahead_of_a_database_that_has_it_all(project: Project) -> None:
    project.migrate()
    assert project.plan() == []


@pytest.mark.parametrize(
    ("operation", "flag"),
    [
        ("DeleteModel('Basket')", ("drop", "Drops the table shop_basket with its rows.")),
        ("RemoveField('Product', 'price')", ("drop", "Drops the column price of shop_product.")),
        (
            "RemoveField('Basket', 'products')",
            ("drop", "Drops the table shop_basket_products with its rows."),
        ),
        ("RenameModel('Basket', 'Cart')", ("rename", "Renames the table shop_basket to shop_cart.")),
        ("AlterModelTable('Product', 'wares')", ("rename", "Renames the table shop_product to wares.")),
        (
            "RenameField('Product', 'price', 'cost')",
            ("rename", "Renames the column price of shop_product to cost."),
        ),
        (
            "AlterField('Product', 'name', models.CharField(max_length=10, db_column='title'))",
            ("rename", "Renames the column name of shop_product to title."),
        ),
        (
            "AddField('Product', 'size', models.IntegerField(default=1))",
            ("not-null", flags.NEEDED.format(verb="Adds", column="size", table="shop_product")),
        ),
        (
            "AlterField('Product', 'price', models.IntegerField(default=0))",
            ("not-null", flags.NEEDED.format(verb="Fills", column="price", table="shop_product")),
        ),
        (
            "RunSQL('DROP TABLE shop_basket', '')",
            ("drop", flags.WORDS["drop"].format(sql="DROP TABLE shop_basket")),
        ),
        ("RunPython(load)", ("opaque", "Python: load, code of the project: what it changes is not known.")),
    ],
)
def test_what_hurts_is_flagged(migrated: Project, operation: str, flag: tuple[str, str]) -> None:
    migrated.migration(2, f"operations = [migrations.{operation}]")
    assert told(migrated.plan())[0] == flag


def test_what_only_adds_is_not(migrated: Project) -> None:
    operations = [
        "AddField('Product', 'size', models.IntegerField(null=True))",
        "AddField('Product', 'weight', models.IntegerField(db_default=1))",
        "CreateModel('Other', [('id', models.BigAutoField(primary_key=True))])",
        "AlterField('Product', 'name', models.CharField(max_length=20))",
        "AddIndex('Product', models.Index(fields=['name'], name='by_name'))",
        "AlterModelTable('Product', 'shop_product')",
        "RunPython(migrations.RunPython.noop, migrations.RunPython.noop)",
        "RunSQL(migrations.RunSQL.noop, migrations.RunSQL.noop)",
        "SeparateDatabaseAndState(state_operations=[migrations.DeleteModel('Basket')])",
    ]
    for number, operation in enumerate(operations, start=2):
        migrated.migration(number, f"operations = [migrations.{operation}]")
    plan = migrated.plan()
    assert len(plan) == len(operations)
    assert told(plan) == []


def test_what_the_same_plan_has_made_may_go_again(migrated: Project) -> None:
    migrated.migration(
        2, "operations = [migrations.CreateModel('Note', [('id', models.BigAutoField(primary_key=True))])]"
    )
    migrated.migration(
        3, "operations = [migrations.RenameModel('Note', 'Memo'), migrations.DeleteModel('Memo')]"
    )
    assert told(migrated.plan()) == []


def test_what_separate_database_and_state_hides_is_told(project: Project) -> None:
    project.migrate()
    project.migration(
        2,
        """\
        operations = [migrations.SeparateDatabaseAndState(
            database_operations=[migrations.DeleteModel("Basket"), migrations.RunPython(load)],
        )]
        """,
    )
    (migration,) = project.plan()
    assert migration["operations"] == ["Delete model Basket", "Python: load"]
    assert [flag["kind"] for flag in migration["flags"]] == ["drop", "opaque", "irreversible"]
    assert migration["reversible"] is False


def test_an_operation_of_the_projects_own_is_not_run(migrated: Project) -> None:
    migrated.migration(2, "operations = [Custom()]")
    assert [kind for kind, _ in told(migrated.plan())] == ["opaque", "irreversible"]


def test_a_large_table_is_flagged_where_it_is_copied(migrated: Project) -> None:
    migrated.migration(
        2, "operations = [migrations.AddField('Product', 'size', models.IntegerField(default=1))]"
    )
    assert "lock" not in dict(told(migrated.plan()))
    migrated.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
        " INSERT INTO shop_product (name, tags) SELECT 'x', '' FROM n;"
    )
    assert dict(told(migrated.plan()))["lock"].startswith("Copies shop_product (about 100,000 rows)")


def test_the_database_refuses_to_be_changed_meanwhile(migrated: Project) -> None:
    migrated.migration(
        2, "from django.db import connection\nconnection.cursor().execute('DROP TABLE shop_basket')"
    )
    assert "readonly" in migrated.document()["unread"]
    migrated.migration(2, "operations = [migrations.DeleteModel('Basket')]")
    assert told(migrated.plan())[0][0] == "drop"


@pytest.mark.parametrize("body", ["1 / 0", "import sys; sys.exit(3)", "operations = 3"])
def test_a_plan_that_cannot_be_read_ends_nothing(migrated: Project, body: str) -> None:
    migrated.migration(2, body)
    document = migrated.document()
    assert document["migrations"] == []
    assert document["unread"]


def locked(*statements: str, vendor: str = "postgresql", rows: int = 250_000) -> list[str]:
    found = flags.by_sql(statements, vendor=vendor, rows=lambda table: rows if table == "shop_product" else 0)
    return [text.split(" (")[0] for _, text in found]


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ('CREATE INDEX "by_name" ON "shop_product" ("name");', "Builds an index on shop_product"),
        (
            "create unique index if not exists x on only public.shop_product (name)",
            "Builds an index on shop_product",
        ),
        (
            'ALTER TABLE "shop_product" ALTER COLUMN "price" TYPE bigint USING "price"::bigint',
            "Rewrites shop_product",
        ),
        ('ALTER TABLE "shop_product" ALTER COLUMN "price" SET NOT NULL', "Checks every row of shop_product"),
        (
            'ALTER TABLE "shop_product" ADD CONSTRAINT "c" CHECK ("price" > 0)',
            "Checks every row of shop_product",
        ),
        (
            'ALTER TABLE "shop_product" ADD COLUMN "u" varchar(9) NULL UNIQUE',
            "Builds an index on shop_product",
        ),
        (
            'ALTER TABLE "shop_product" ADD COLUMN "u" uuid DEFAULT (gen_random_uuid()) NOT NULL',
            "Rewrites shop_product",
        ),
        ("LOCK TABLE shop_product IN ACCESS EXCLUSIVE MODE", "Locks shop_product"),
        ("UPDATE shop_product SET price = 1", "Changes rows of shop_product"),
    ],
)
def test_postgresql_locks_of_a_large_table_are_told(statement: str, words: str) -> None:
    assert locked(statement) == [words]
    assert locked(statement, rows=99_999) == []
    assert locked(statement.replace("shop_product", "another")) == []


@pytest.mark.parametrize(
    "statement",
    [
        'CREATE INDEX CONCURRENTLY "by_name" ON "shop_product" ("name")',
        'ALTER TABLE "shop_product" ADD COLUMN "size" integer DEFAULT 1 NOT NULL',
        'ALTER TABLE "shop_product" ADD COLUMN "b_id" bigint NULL CONSTRAINT "c" REFERENCES "b" ("id")',
        'ALTER TABLE "shop_product" ADD CONSTRAINT "c" CHECK ("price" > 0) NOT VALID',
        'ALTER TABLE "shop_product" ADD CONSTRAINT "c" UNIQUE USING INDEX "i"',
        'ALTER TABLE "shop_product" ALTER COLUMN "size" DROP DEFAULT',
        'ALTER TABLE "shop_product" ALTER COLUMN "size" DROP NOT NULL',
        "-- ALTER TABLE shop_product ALTER COLUMN a TYPE int",
    ],
)
def test_what_postgresql_does_at_once_is_not(statement: str) -> None:
    assert locked(statement) == []


@pytest.mark.parametrize(
    ("sql", "kinds"),
    [
        ("DROP TABLE a", ["drop"]),
        ("/* x */ alter table a\n  drop column b, drop c", ["drop"]),
        ("TRUNCATE a; DELETE FROM b", ["drop", "drop"]),
        ("DO $$ BEGIN DROP TABLE a; END $$", ["drop"]),
        ([("ALTER TABLE a RENAME COLUMN b TO %s", ["c"])], ["rename"]),
        ("ALTER TABLE a RENAME TO b", ["rename"]),
        ("ALTER TABLE a DROP CONSTRAINT c", []),
        ("ALTER TABLE a ALTER COLUMN b DROP NOT NULL", []),
        ("ALTER TABLE a RENAME CONSTRAINT b TO c", []),
        ("INSERT INTO log VALUES ('DROP TABLE a') -- DROP TABLE b", []),
        ("DROP INDEX a", []),
    ],
)
def test_sql_of_ones_own_is_read_too(sql: Any, kinds: list[str]) -> None:
    assert [kind for kind, _ in flags.by_hand(flags.written(sql))] == kinds
