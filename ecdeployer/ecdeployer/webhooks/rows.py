"""Writing a delivery down: one statement, composed once, which took longer than all that it does."""

from functools import cache
from typing import Any

from django.db import connection

from .models import Delivery

_FIELDS: list[Any] = [field for field in Delivery._meta.concrete_fields if not field.primary_key]
_DEFAULTS = {field.attname: field.get_default() for field in _FIELDS}


def insert(**values: Any) -> bool:
    """Commits by itself, unless something is under way. Whether it is new: neither its identifier nor its
    signed body came before. What is not given has the model's default.
    """
    values = {**_DEFAULTS, **values}
    given = [field.get_db_prep_save(values[field.attname], connection) for field in _FIELDS]
    with connection.cursor() as cursor:
        cursor.execute(_statement(), given)
        return bool(cursor.rowcount)


@cache
def _statement() -> str:
    names = ", ".join(connection.ops.quote_name(field.column) for field in _FIELDS)
    table, places = connection.ops.quote_name(Delivery._meta.db_table), ", ".join(["%s"] * len(_FIELDS))
    # Names of columns alone; the values are the database's to quote.
    return f"INSERT INTO {table} ({names}) VALUES ({places}) ON CONFLICT DO NOTHING"  # noqa: S608 # nosec B608
