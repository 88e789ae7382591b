"""What an operation of a migration may hurt: told by its type, and by the SQL that it would run.

A flag is a pair of kind and text. What touches no table that is there now hurts nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.db.migrations import operations
from django.db.models.fields import NOT_PROVIDED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Flags = Iterator[tuple[str, str]]

#: PostgreSQL rewrites, checks or indexes some hundred thousand rows a second: below this nobody notices.
LARGE = 100_000

NAME = r'(?:"[^"]+"|`[^`]+`|[\w$]+)'
TABLE = rf"(?:IF EXISTS )?(?:ONLY )?({NAME}(?:\.{NAME})?)"
VOLATILE = r"(?:gen_random_uuid|random|clock_timestamp|nextval|uuid_generate_v\d\w*) ?\("
INDEX = "Builds an index on {table} ({rows} rows): what writes to it waits meanwhile."
REWRITE = "Rewrites {table} ({rows} rows): every request that reads or writes it waits meanwhile."
SCAN = "Checks every row of {table} ({rows} rows): every request that reads or writes it waits meanwhile."
COPY = "Copies {table} ({rows} rows) into a new table: nobody writes to the database meanwhile."
HOLD = "Locks {table} ({rows} rows): every request that reads or writes it waits meanwhile."
UPDATE = "Changes rows of {table} ({rows} rows): what writes to them waits meanwhile."

#: https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES
LOCKS = {
    "postgresql": [
        (rf"CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY)(?:IF NOT EXISTS )?{NAME} ON {TABLE}", INDEX),
        (rf"ALTER TABLE {TABLE} .*\bALTER (?:COLUMN )?{NAME} (?:SET DATA )?TYPE ", REWRITE),
        (rf"ALTER TABLE {TABLE} .*\bADD COLUMN .*(?:\bGENERATED |\bserial\b|DEFAULT \(?{VOLATILE})", REWRITE),
        (rf"ALTER TABLE {TABLE} .*\bADD COLUMN .*\b(?:UNIQUE|PRIMARY KEY)\b", INDEX),
        (rf"ALTER TABLE {TABLE} .*\bALTER (?:COLUMN )?{NAME} SET NOT NULL", SCAN),
        (rf"ALTER TABLE {TABLE} ADD (?:CONSTRAINT {NAME} )?(?:CHECK|FOREIGN|UNIQUE|PRIMARY|EXCLUDE)\b", SCAN),
        (rf"(?:CLUSTER|VACUUM FULL|REINDEX TABLE|LOCK TABLE|LOCK) (?!CONCURRENTLY){TABLE}", HOLD),
        (rf"UPDATE {TABLE} ", UPDATE),
    ],
    "sqlite": [(r'INSERT INTO "new__([^"]+)"', COPY)],
    "mysql": [(rf"ALTER TABLE {TABLE} .*\b(?:MODIFY|CHANGE)\b", REWRITE), (rf"UPDATE {TABLE} ", UPDATE)],
}
LOCKS_NOT = re.compile(r"\bNOT VALID\b|\bUSING INDEX\b", re.IGNORECASE)
KEPT = r"(?!(?:CONSTRAINT|DEFAULT|NOT NULL|IDENTITY|EXPRESSION|INDEX|KEY|PRIMARY|FOREIGN|CHECK)\b)"
#: Of SQL that somebody wrote by hand.
LOSSES = [
    ("drop", r"^DROP (?:FOREIGN )?(?:TABLE|SCHEMA|DATABASE)\b"),
    ("drop", rf"^ALTER (?:FOREIGN )?TABLE .*\bDROP {KEPT}"),
    ("drop", r"^(?:TRUNCATE|DELETE FROM)\b"),
    ("drop", r"\bDO\b.*\b(?:DROP (?:TABLE|COLUMN|SCHEMA)|TRUNCATE|DELETE FROM)\b"),
    ("rename", r"^ALTER (?:FOREIGN )?TABLE .*\bRENAME (?!CONSTRAINT\b|INDEX\b|KEY\b)"),
    ("rename", r"^RENAME TABLE\b"),
]
WORDS = {"drop": "Drops or deletes by SQL of its own: {sql}", "rename": "Renames by SQL of its own: {sql}"}


def by_sql(statements: Iterable[str], *, vendor: str, rows: Callable[[str], int]) -> Flags:
    """Locks that last, on tables that are large."""
    for statement in map(plain, statements):
        for pattern, text in LOCKS.get(vendor, []):
            found = re.match(pattern, statement, re.IGNORECASE | re.DOTALL)
            if found and not LOCKS_NOT.search(statement):
                table = re.sub(r'["`]', "", found[1]).rpartition(".")[2]
                count = rows(table)
                if count >= LARGE:
                    yield "lock", text.format(table=table, rows=f"about {count:,}")
                    break


def by_hand(statements: Iterable[str]) -> Flags:
    """What SQL of the project's own drops, deletes and renames."""
    for statement in map(plain, statements):
        for kind, pattern in LOSSES:
            if re.search(pattern, statement, re.IGNORECASE | re.DOTALL):
                yield kind, WORDS[kind].format(sql=statement[:120])
                break


def plain(statement: str) -> str:
    """One line, without comments and without what stands between quotation marks as a value."""
    text = re.sub(r"--[^\n]*|/\*.*?\*/", " ", statement, flags=re.DOTALL)
    text = re.sub(r"'(?:[^']|'')*'", "''", text)
    return " ".join(text.split())


def written(sql: Any) -> list[str]:
    """The statements of a RunSQL: one text, or a list of texts and of pairs of text and parameters."""
    parts = [sql] if isinstance(sql, str) else list(sql or [])
    texts = [str(part[0]) if isinstance(part, (list, tuple)) else str(part) for part in parts]
    dollars = [text for text in texts if "$$" in text]
    others = [each for text in texts if "$$" not in text for each in plain(text).split(";")]
    return [text.strip() for text in dollars + others if text.strip()]


class Change:
    """One operation, on the models before and after it.

    ``is_there``: whether a model's table is, and is the operation's to change.
    """

    def __init__(
        self, operation: Any, app: str, before: Any, after: Any, is_there: Callable[[Any], bool]
    ) -> None:
        self.operation = operation
        self.app = app
        self.before = before
        self.after = after
        self.is_there = is_there

    def old(self, name: str = "") -> Any:
        return self.before.apps.get_model(self.app, name or self.operation.model_name)

    def new(self, name: str = "") -> Any:
        return self.after.apps.get_model(self.app, name or self.operation.model_name)


def by_type(change: Change) -> Flags:
    """What Django's own operations drop, rename or fill."""
    for kind, flags in BY_TYPE:
        if isinstance(change.operation, kind):
            yield from flags(change)
            return


def delete_model(change: Change) -> Flags:
    model = change.old(change.operation.name)
    if change.is_there(model):
        yield "drop", f"Drops the table {model._meta.db_table} with its rows."


def remove_field(change: Change) -> Flags:
    model = change.old()
    field = model._meta.get_field(change.operation.name)
    through = field.remote_field.through if field.many_to_many else None
    if through is not None and through._meta.auto_created and change.is_there(through):
        yield "drop", f"Drops the table {through._meta.db_table} with its rows."
    elif field.column and change.is_there(model):
        yield "drop", f"Drops the column {field.column} of {model._meta.db_table}."


def rename_model(change: Change) -> Flags:
    yield from moved(change, change.old(change.operation.old_name), change.new(change.operation.new_name))


def alter_table(change: Change) -> Flags:
    yield from moved(change, change.old(change.operation.name), change.new(change.operation.name))


def moved(change: Change, old: Any, new: Any) -> Flags:
    if old._meta.db_table != new._meta.db_table and change.is_there(old):
        yield "rename", f"Renames the table {old._meta.db_table} to {new._meta.db_table}."


def rename_field(change: Change) -> Flags:
    old = change.old()._meta.get_field(change.operation.old_name)
    yield from renamed(change, old, change.new()._meta.get_field(change.operation.new_name))


def renamed(change: Change, old: Any, new: Any) -> Flags:
    if old.column and new.column and old.column != new.column and change.is_there(change.old()):
        yield "rename", f"Renames the column {old.column} of {change.old()._meta.db_table} to {new.column}."


def add_field(change: Change) -> Flags:
    field = change.new()._meta.get_field(change.operation.name)
    if needs_value(field) and change.is_there(change.new()):
        yield "not-null", NEEDED.format(verb="Adds", column=field.column, table=change.new()._meta.db_table)


def alter_field(change: Change) -> Flags:
    old, new = both_fields(change)
    yield from renamed(change, old, new)
    if old.null and needs_value(new) and change.is_there(change.old()):
        yield "not-null", NEEDED.format(verb="Fills", column=new.column, table=change.new()._meta.db_table)


def both_fields(change: Change) -> tuple[Any, Any]:
    name = change.operation.name
    return change.old()._meta.get_field(name), change.new()._meta.get_field(name)


def needs_value(field: Any) -> bool:
    """Whether a row that brings none is refused: Django's own defaults stay in Python."""
    if not field.column or field.null or field.primary_key or getattr(field, "generated", False):
        return False
    # Before Django 5.0 no field has a default in the database.
    return getattr(field, "db_default", NOT_PROVIDED) is NOT_PROVIDED


def only_grows(change: Change) -> bool:
    """Whether a column of text gets longer alone, which PostgreSQL does without a look at the rows."""
    if not isinstance(change.operation, operations.AlterField):
        return False
    old, new = both_fields(change)
    kinds = old.get_internal_type(), new.get_internal_type()
    if kinds == ("CharField", "TextField"):
        return True
    shorter, longer = (field.max_length or float("inf") for field in (old, new))
    return kinds == ("CharField", "CharField") and shorter <= longer


NEEDED = "{verb} the column {column} of {table}, which needs a value: older code cannot add rows without it."
BY_TYPE: list[tuple[type, Callable[[Change], Flags]]] = [
    (operations.DeleteModel, delete_model),
    (operations.RemoveField, remove_field),
    (operations.RenameModel, rename_model),
    (operations.AlterModelTable, alter_table),
    (operations.RenameField, rename_field),
    (operations.AddField, add_field),
    (operations.AlterField, alter_field),
]
