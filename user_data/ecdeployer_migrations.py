"""The migrations that `migrate` would apply, held against the database as it is now.

The database is only read: it is told to refuse everything else.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from typing import TYPE_CHECKING, Any

import ecdeployer_flags as flags  # type: ignore[import-not-found]
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations import RunPython, RunSQL

if TYPE_CHECKING:
    from collections.abc import Iterator

    Flag = tuple[str, str]

#: Operations and flags of a migration that are told, and letters of each.
MOST, LETTERS = 50, 300
#: A connection of this process alone: nothing that it runs may change a row or wait for long.
READING = {
    "postgresql": ("SET default_transaction_read_only = on", "SET statement_timeout = 20000"),
    "mysql": ("SET SESSION TRANSACTION READ ONLY",),
    "sqlite": ("PRAGMA query_only = 1",),
}
#: Where a table was never analysed, from its size, at a hundred bytes a row.
ROWS = {
    "postgresql": "SELECT CASE WHEN reltuples > 0 THEN reltuples ELSE pg_relation_size(oid) / 100 END"
    " FROM pg_class WHERE relname = %s AND relkind IN ('r', 'p') AND pg_table_is_visible(oid)",
    "mysql": "SELECT table_rows FROM information_schema.tables"
    " WHERE table_name = %s AND table_schema = database()",
}


def pending() -> Iterator[dict[str, Any]]:
    """What `migrate` would apply, in its order."""
    connection = connections["default"]
    with contextlib.closing(connection):
        with connection.cursor() as cursor:
            for statement in READING.get(connection.vendor, ()):
                cursor.execute(statement)
        executor: Any = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        tables = set(connection.introspection.table_names())
        if not tables - {"django_migrations"}:
            # Nothing is there that could be hurt.
            yield from (described(migration, []) for migration, _ in plan)
            return
        reading = Reading(connection, tables)
        state = executor._create_project_state(with_applied_migrations=True)
        # Rendered once, it is cloned quickly.
        state.apps  # noqa: B018
        for migration, _ in plan:
            yield described(migration, reading.read(migration, state))


def described(migration: Any, found: list[Flag]) -> dict[str, Any]:
    leaves = list(flat(migration.operations))
    stuck = [name_of(operation) for operation in leaves if not operation.reversible]
    if stuck:
        found = [*found, ("irreversible", "; ".join(stuck))]
    return {
        "app": migration.app_label,
        "name": migration.name,
        "operations": [name_of(operation)[:LETTERS] for operation in leaves[:MOST]],
        "flags": [{"kind": kind, "text": text[:LETTERS]} for kind, text in list(dict.fromkeys(found))[:MOST]],
        "reversible": not stuck,
    }


def flat(operations: Any) -> Iterator[Any]:
    """What SeparateDatabaseAndState does to the database, in its place."""
    for operation in operations:
        if hasattr(operation, "database_operations"):
            yield from flat(operation.database_operations)
        else:
            yield operation


def name_of(operation: Any) -> str:
    """Django's words, with the SQL or the function that they hide."""
    kind = type(operation).__name__
    try:
        words = str(operation.describe())
    except Exception:  # noqa: BLE001 - of a project's own operation
        return kind
    if isinstance(operation, RunSQL):
        return "SQL: " + "; ".join(flags.plain(statement) for statement in flags.written(operation.sql))
    if isinstance(operation, RunPython):
        return f"Python: {getattr(operation.code, '__name__', kind)}"
    return words


class Reading:
    """Operations held against a database that has tables."""

    def __init__(self, connection: Any, tables: set[str]) -> None:
        self.connection = connection
        self.tables = tables
        self.counted: dict[str, int] = {}

    def read(self, migration: Any, state: Any) -> list[Flag]:
        """What its operations may hurt; the state goes on behind them."""
        found: list[Flag] = []
        for operation in migration.operations:
            before = state.clone()
            operation.state_forwards(migration.app_label, state)
            for leaf, old, new in self._leaves(operation, migration.app_label, before, state):
                found += self._flags_of(leaf, migration, old, new)
        return found

    def _leaves(self, operation: Any, app: str, before: Any, after: Any) -> Iterator[tuple[Any, Any, Any]]:
        if not hasattr(operation, "database_operations"):
            yield operation, before, after
            return
        for inner in operation.database_operations:
            following = before.clone()
            inner.state_forwards(app, following)
            yield from self._leaves(inner, app, before, following)
            before = following

    def _flags_of(self, operation: Any, migration: Any, before: Any, after: Any) -> list[Flag]:
        vendor, app = self.connection.vendor, migration.app_label
        if isinstance(operation, RunSQL):
            statements = flags.written(operation.sql)
            own = [("opaque", "Runs SQL of the project's own.")] if statements else []
            return [
                *flags.by_hand(statements),
                *flags.by_sql(statements, vendor=vendor, rows=self.rows),
                *own,
            ]
        if isinstance(operation, RunPython):
            if operation.code is type(operation).noop:
                return []
            return [("opaque", f"{name_of(operation)}, code of the project: what it changes is not known.")]
        if not type(operation).database_forwards.__module__.startswith("django."):
            return [
                ("opaque", f"{name_of(operation)}, an operation of its own: what it changes is not known.")
            ]
        change = flags.Change(operation, app, before, after, functools.partial(self.has, operation))
        statements = self._sql(operation, migration, before, after)
        if vendor == "postgresql" and flags.only_grows(change):
            statements = [text for text in statements if " TYPE " not in text]
        return [*flags.by_type(change), *flags.by_sql(statements, vendor=vendor, rows=self.rows)]

    def has(self, operation: Any, model: Any) -> bool:
        """Whether the model's table is there now, and this operation would touch it."""
        ours = operation.allow_migrate_model(self.connection.alias, model)
        return bool(ours and model._meta.db_table in self.tables)

    def _sql(self, operation: Any, migration: Any, before: Any, after: Any) -> list[str]:
        """What it would run; nothing where it cannot be told without the tables of earlier ones."""
        editor = self.connection.schema_editor(collect_sql=True, atomic=migration.atomic)
        editor.deferred_sql = []
        try:
            operation.database_forwards(migration.app_label, editor, before, after)
        except Exception as error:  # noqa: BLE001 - as `sqlmigrate` fails for what the database does not have yet
            print(f"{migration}: {operation}: no SQL: {error}", file=sys.stderr)
        return [*editor.collected_sql, *map(str, editor.deferred_sql)]

    def rows(self, table: str) -> int:
        """About how many; those of SQLite are counted up to what is large."""
        if table in self.tables and table not in self.counted:
            self.counted[table] = self._count(table)
        return self.counted.get(table, 0)

    def _count(self, table: str) -> int:
        with self.connection.cursor() as cursor:
            if self.connection.vendor == "sqlite":
                quoted = self.connection.ops.quote_name(table)
                cursor.execute(f"SELECT count(*) FROM (SELECT 1 FROM {quoted} LIMIT {flags.LARGE})")  # noqa: S608 # nosec B608
            else:
                cursor.execute(ROWS[self.connection.vendor], [table])
            row = cursor.fetchone()
        return int(row[0] or 0) if row else 0
