"""Which database settings ask for, and whether the machine can be it."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from .catalogue import finding
from .findings import Finding
from .settings_values import Place, Unknown, Unset, names_in

#: What a release's settings module takes for the machine itself.
LOCAL = frozenset({"", "localhost", "127.0.0.1", "::1", "0.0.0.0", "redis", "db", "postgres", "database"})  # noqa: S104
DRIVERS = frozenset({"psycopg", "psycopg2", "psycopg2-binary", "psycopg-binary"})


@dataclass(frozen=True, kw_only=True)
class Database:
    """``engine``: "sqlite", "postgresql", "mysql", "url" (a variable names it), or "". ``host``: "local",
    "remote", "variable". ``served`` is what the machine is to it: "postgresql", "sqlite", "" for nothing.
    """

    engine: str
    host: str
    served: str
    geographic: bool = False
    shown: str = ""


def judge(databases: Any, *, packages: Collection[str], given: Collection[str]) -> Database:
    """From the value of DATABASES."""
    default = databases.get("default") if isinstance(databases, dict) else databases
    external = "DATABASE_URL" in given
    if isinstance(default, Unknown) and default.names:
        has_driver = bool(DRIVERS & set(packages))
        served = (
            "" if external or names_in(default) & set(given) else "postgresql" if has_driver else "sqlite"
        )
        return Database(engine="url", host="variable", served=served)
    if not isinstance(default, dict):
        return Database(engine="", host="local", served="")
    engine, geographic = _engine(default.get("ENGINE"))
    if names_in(default.get("ENGINE")) and DRIVERS & set(packages):
        engine = "postgresql"
    host, shown = _host(default.get("HOST", ""), given)
    local = engine == "postgresql" and host != "remote" and not external
    served = "postgresql" if local else "sqlite" if engine == "sqlite" else ""
    return Database(engine=engine, host=host, served=served, geographic=geographic, shown=shown)


def _engine(value: Any) -> tuple[str, bool]:
    text = value if isinstance(value, str) else ""
    geographic = "postgis" in text or "spatialite" in text or ".gis." in text
    for part, name in (
        ("sqlite", "sqlite"),
        ("spatialite", "sqlite"),
        ("postg", "postgresql"),
        ("mysql", "mysql"),
    ):
        if part in text:
            return name, geographic
    return "", geographic


def _host(value: Any, given: Collection[str]) -> tuple[str, str]:
    if value is None or isinstance(value, Unset) or (isinstance(value, str) and value in LOCAL):
        return "local", ""
    if isinstance(value, Unknown):
        return ("remote" if value.names & set(given) else "variable"), ""
    return "remote", str(value)


def findings(database: Database, place: Place, *, given: Collection[str]) -> Iterator[Finding]:
    where = {"path": place.path, "line": place.line}
    if "DATABASE_URL" in given:
        yield finding(
            "database-url-given", "DATABASE_URL is set: it takes the place of the default database.", **where
        )
        return
    if database.geographic:
        message = "The database's engine is GeoDjango's, which needs GDAL and GEOS; the machine has neither."
        yield finding("database-geographic", message, **where)
    elif database.engine == "mysql" and database.host != "remote":
        message = "The settings want a MySQL server on the same machine, and there is none."
        yield finding("database-required", message, **where)
    elif database.host == "remote" and database.shown:
        message = f"The database is at {database.shown[:100]}, which has to let the machine in."
        yield finding("database-external", message, **where)
    elif database.served == "postgresql":
        yield finding(
            "database-postgresql", "The machine runs a PostgreSQL of its own for the site.", **where
        )
    elif database.engine == "sqlite":
        yield finding("database-sqlite", "The database is an SQLite file.", **where)
