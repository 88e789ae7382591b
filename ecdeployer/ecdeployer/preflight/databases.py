"""Which database settings ask for, and whether the machine can be it."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from .catalogue import finding
from .findings import Finding
from .settings_values import Place, Unknown, Unset, names_in

MYSQL_DRIVERS = frozenset({"mysqlclient", "pymysql", "mysql-connector-python"})
_LOOPBACK = frozenset({"127.0.0.1", "0.0.0.0"})  # noqa: S104
DRIVERS = frozenset({"psycopg", "psycopg2", "psycopg2-binary", "psycopg-binary"})


@dataclass(frozen=True, kw_only=True)
class Database:
    """``engine``: "sqlite", "postgresql", "mysql", "url" (a variable names it), or "". ``host``: "local",
    "remote", "variable". ``served``: the kind of database that the machine is to it, or "".
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
        served = "" if external or names_in(default) & set(given) else _by_driver(packages) or "sqlite"
        engine = "mysql" if served == "mysql" else "url"
        return Database(engine=engine, host="variable", served=served)
    if not isinstance(default, dict):
        return Database(engine="", host="local", served="")
    engine, geographic = _engine(default.get("ENGINE"))
    if names_in(default.get("ENGINE")):
        engine = _by_driver(packages)
    host, shown = _host(default.get("HOST", ""), given)
    local = engine == "sqlite" or (host != "remote" and not external)
    served = engine if local else ""
    engine = "url" if external else engine
    return Database(engine=engine, host=host, served=served, geographic=geographic, shown=shown)


def _by_driver(packages: Collection[str]) -> str:
    """The engine of the driver that is listed; "" for none."""
    if DRIVERS & set(packages):
        return "postgresql"
    return "mysql" if MYSQL_DRIVERS & set(packages) else ""


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


def is_local(host: str) -> bool:
    """Whether a release's settings module takes it for the machine: a name without a dot is Compose's."""
    return host in _LOOPBACK or "." not in host or host.startswith("/")


def _host(value: Any, given: Collection[str]) -> tuple[str, str]:
    if value is None or isinstance(value, Unset) or (isinstance(value, str) and is_local(value)):
        return "local", ""
    if isinstance(value, Unknown):
        return ("remote" if value.names & set(given) else "variable"), ""
    return "remote", str(value)


def findings(database: Database, place: Place, *, given: Collection[str]) -> Iterator[Finding]:
    for code, message in _judgements(database, given):
        yield finding(code, message, path=place.path, line=place.line)


def _judgements(database: Database, given: Collection[str]) -> Iterator[tuple[str, str]]:
    """Code and message; at most one."""
    if "DATABASE_URL" in given:
        yield "database-url-given", "DATABASE_URL is set: it takes the place of the default database."
    elif database.geographic:
        message = "The database's engine is GeoDjango's, which needs GDAL and GEOS; the machine has neither."
        yield "database-geographic", message
    elif database.host == "remote" and database.shown:
        message = f"The database is at {database.shown[:100]}, which has to let the machine in."
        yield "database-external", message
    elif database.served == "postgresql":
        yield "database-postgresql", "The machine runs a PostgreSQL of its own for the site."
    elif database.served == "mysql":
        yield "database-mysql", "The machine runs a MariaDB of its own for the site."
    elif database.engine == "sqlite":
        yield "database-sqlite", "The database is an SQLite file."
