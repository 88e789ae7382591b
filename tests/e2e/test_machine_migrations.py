"""Migrations on a machine that serves: what may hurt is told first, can wait, and SQLite is copied aside."""

from textwrap import dedent

import pytest

from tests.e2e import machine_projects as projects
from tests.e2e.conftest import LiveSite, Machines
from tests.e2e.machine_bench import Bench, Report
from user_data.plan import digest

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

BACKUPS = "/srv/ecdeployer/shared/backups"
WITHOUT_TIME = "from django.db import models\n\n\nclass Visit(models.Model):\n    pass\n"
INDEXED = projects.MODELS.replace("auto_now_add=True", "auto_now_add=True, db_index=True")
POSTGRESQL = '{"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "app", "HOST": "localhost"}}'


def with_migration(
    files: projects.Files, operation: str, *, models: str, name: str = "two"
) -> projects.Files:
    text = f"""\
    from django.db import migrations, models


    def load(apps, editor):
        raise ValueError("no such price")


    class Migration(migrations.Migration):
        dependencies = [("pages", "0001_initial")]
        operations = [migrations.{operation}]
    """
    path = "mysite/pages/migrations/0002_change.py"
    return {**projects.release(files, name), path: dedent(text), "mysite/pages/models.py": models}


def state_of(report: Report) -> tuple[str, str, str]:
    assert report.result
    return report.result["state"], report.result["step"], report.result["code"]


def columns(bench: Bench, instance: str, path: str) -> list[str]:
    query = f"sqlite3.connect('{path}').execute('PRAGMA table_info(pages_visit)')"
    script = f"import sqlite3; print(*[row[1] for row in {query}])"
    return bench.shell(instance, f'python3 -c "{script}"').split()


def test_what_drops_waits_until_it_is_confirmed(bench: Bench, live: LiveSite, machines: Machines) -> None:
    files = projects.plain()
    instance = live("waits", files)
    bench.get(instance, "/visits/?add=1")
    dropping = with_migration(files, "RemoveField('visit', 'at')", models=WITHOUT_TIME)

    waiting = machines.again("waits", dropping, instance, number=2, confirm_migrations=True)
    assert state_of(waiting) == ("failed", "migrate", "migrations-unconfirmed"), waiting.texts
    assert waiting.flags() == {"drop": "Drops the column at of pages_visit."}
    assert waiting.result
    assert "Drops the column at of pages_visit." in waiting.result["reason"]
    assert bench.get(instance, "/visits/")[1] == '{"visits": 1, "release": "one"}'
    assert columns(bench, instance, "/srv/ecdeployer/shared/data/db.sqlite3") == ["id", "at"]
    assert bench.shell(instance, f"ls {BACKUPS}").split() == []

    plan = digest(waiting.plan or [])
    confirmed = machines.again(
        "waits", dropping, instance, number=3, confirm_migrations=True, confirmed_plan=plan
    )
    assert state_of(confirmed) == ("succeeded", "health", ""), confirmed.texts
    assert bench.get(instance, "/visits/")[1] == '{"visits": 1, "release": "two"}'
    assert columns(bench, instance, "/srv/ecdeployer/shared/data/db.sqlite3") == ["id"]
    copied = bench.shell(instance, f"stat -c '%U %a %n' {BACKUPS}/*").split()
    assert copied == ["site", "600", f"{BACKUPS}/000003-db.sqlite3"]
    assert columns(bench, instance, copied[-1]) == ["id", "at"]

    later = machines.again(
        "waits", projects.release(dropping, "four"), instance, number=4, confirm_migrations=True
    )
    assert state_of(later) == ("succeeded", "health", "")
    assert later.plan == []
    assert bench.shell(instance, f"ls {BACKUPS}").split() == ["000003-db.sqlite3"]


def test_a_migration_that_fails_says_where_the_copy_lies(
    bench: Bench, live: LiveSite, machines: Machines
) -> None:
    files = projects.plain()
    instance = live("copied", files)
    broken = with_migration(files, "RunPython(load)", models=projects.MODELS)
    report = machines.again("copied", broken, instance, number=2)
    assert state_of(report) == ("failed", "migrate", "migrate-failed")
    assert report.result
    assert "ValueError: no such price" in report.result["reason"]
    assert report.result["reason"].endswith(f"lies in {BACKUPS}/000002-db.sqlite3")
    assert set(report.flags()) == {"opaque", "irreversible"}
    assert bench.get(instance)[1] == "<h1>release one</h1>"


def test_a_lock_of_a_large_table_of_postgresql_is_flagged(
    bench: Bench, live: LiveSite, machines: Machines
) -> None:
    files = projects.with_requirements(
        projects.plain(DATABASES=POSTGRESQL), "django~=5.2.0\npsycopg[binary]\n"
    )
    given = {"services": ("postgresql",), "database": "postgresql"}
    instance = live("large", files, **given)
    indexed = with_migration(
        files,
        "AlterField('visit', 'at', models.DateTimeField(auto_now_add=True, db_index=True))",
        models=INDEXED,
    )
    rows = "insert into pages_visit (at) select now() from generate_series(1, 150000); analyze pages_visit"
    bench.shell(instance, f"runuser -u postgres -- psql -q site -c '{rows}'")
    waiting = machines.again("large", indexed, instance, number=2, confirm_migrations=True, **given)
    assert state_of(waiting) == ("failed", "migrate", "migrations-unconfirmed"), waiting.texts
    assert waiting.flags()["lock"].startswith("Builds an index on pages_visit (about 150,000 rows)")
    unasked = machines.again("large", indexed, instance, number=3, **given)
    assert state_of(unasked) == ("succeeded", "health", ""), unasked.texts
    assert "lock" in unasked.flags()


def test_a_plan_that_cannot_be_read_stops_nothing(bench: Bench, live: LiveSite, machines: Machines) -> None:
    files = projects.plain()
    instance = live("unread", files)
    once = "import sys\nif 'check' in sys.argv:\n    raise OSError('not now')\n"
    harmless = {
        **projects.release(files, "two"),
        "mysite/pages/migrations/0002_change.py": once
        + dedent(
            """\
        from django.db import migrations


        class Migration(migrations.Migration):
            dependencies = [("pages", "0001_initial")]
            operations = []
        """
        ),
    }
    report = machines.again("unread", harmless, instance, number=2, confirm_migrations=True)
    assert state_of(report) == ("succeeded", "health", ""), report.texts
    assert report.flags() == {"opaque": "The plan could not be read: OSError: not now"}
    assert bench.shell(instance, f"ls {BACKUPS}").split() == ["000002-db.sqlite3"]
