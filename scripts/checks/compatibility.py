"""What a migration takes from the release that runs while it is applied, by the SQL of each operation."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.state import ProjectState
from django_migration_linter.sql_analyser.base import Check, CheckMode, CheckType
from django_migration_linter.sql_analyser.postgresql import PostgresqlAnalyser

from user_data.ecdeployer_flags import Change, only_grows, plain

_MADE = re.compile(r'CREATE TABLE ("[^"]+")')
_CHANGED = re.compile(r'(?:ALTER TABLE|CREATE UNIQUE INDEX .*? ON) ("[^"]+")')


def _drops_default(statements: list[str], **_: Any) -> bool:
    """Not one that was set for the operation alone: Django's own defaults come and go like that."""
    text = " ".join(statements)
    return "DROP DEFAULT" in text and "ADD COLUMN" not in text and "SET DEFAULT" not in text


class Analyser(PostgresqlAnalyser):
    """The linter's checks, and those that a release which writes every column needs beside them."""

    migration_checks = [
        *PostgresqlAnalyser.migration_checks,
        Check(
            code="SET_NOT_NULL",
            fn=lambda sql, **_: re.search("ALTER COLUMN .* SET NOT NULL", sql),
            message="NOT NULL on a column that may be written as NULL",
            mode=CheckMode.ONE_LINER,
            type=CheckType.ERROR,
        ),
        Check(
            code="DROP_DEFAULT",
            fn=_drops_default,
            message="DROPPING a default that may be relied upon",
            mode=CheckMode.TRANSACTION,
            type=CheckType.ERROR,
        ),
        Check(
            code="ADD_CHECK",
            fn=lambda sql, **_: re.search("ADD CONSTRAINT .* (CHECK|EXCLUDE)", sql),
            message="ADDING a constraint that may be broken",
            mode=CheckMode.ONE_LINER,
            type=CheckType.ERROR,
        ),
    ]


def objections(migration: Migration, state: ProjectState, connection: BaseDatabaseWrapper) -> list[str]:
    """One line for each operation that the running release may not survive; the database is as in ``state``.

    What RunPython does to rows cannot be told from outside, and is for whoever writes it.
    """
    return list(dict.fromkeys(_objections(migration, state, connection)))


def _objections(migration: Migration, state: ProjectState, connection: BaseDatabaseWrapper) -> Iterator[str]:
    made: set[str] = set()
    for operation in migration.operations:
        before = state.clone()
        operation.state_forwards(migration.app_label, state)
        if not operation.reduces_to_sql:
            continue
        change = Change(operation, migration.app_label, before, state, lambda _: True)
        statements = _statements(change, connection)
        made |= {found[1] for each in statements if (found := _MADE.match(each))}
        for words in _judge(_of_others(statements, made), grows=only_grows(change)):
            yield f"{operation.describe()}: {words}"


def _statements(change: Change, connection: BaseDatabaseWrapper) -> list[str]:
    """In capital letters, as the checks look for them."""
    with connection.schema_editor(collect_sql=True, atomic=False) as editor:
        change.operation.database_forwards(change.app, editor, change.before, change.after)
    return [text.upper() for each in editor.collected_sql if (text := plain(each))]


def _of_others(statements: Iterable[str], made: set[str]) -> list[str]:
    """Nobody reads yet what the migration itself has made."""
    return [each for each in statements if not ((found := _CHANGED.match(each)) and found[1] in made)]


def _judge(statements: list[str], *, grows: bool) -> Iterator[str]:
    analyser = Analyser(exclude_migration_tests=None)
    analyser.analyse(statements)
    for error in analyser.errors:
        if not (grows and error.code == "ALTER_COLUMN"):
            yield str(error.message)
