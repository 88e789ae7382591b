"""A project's settings module, read by its syntax tree: facts for the machine, and findings."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import databases, placeholders, settings_findings
from .catalogue import finding
from .findings import Finding
from .settings_environment import Environment
from .settings_execution import Executor, Record
from .settings_values import Place, TooMuchError, Unknown, names_in
from .tree import Tree

#: Distributions that want a Redis server when settings name one.
_REDIS_MARKS = ("redis://", "rediss://", "django_redis", "channels_redis", "RedisCache", "rq.")


@dataclass(frozen=True, kw_only=True)
class SettingsReading:
    """``required_environment`` are names that the page asks for; ``placeholder_environment`` pairs of name
    and value for those that need not be asked. ``wsgi_application`` is "" where the settings name none.
    """

    path: str = ""
    database: str = ""
    services: tuple[str, ...] = ()
    required_environment: tuple[str, ...] = ()
    placeholder_environment: tuple[tuple[str, str], ...] = ()
    findings: tuple[Finding, ...] = ()
    wsgi_application: str = ""
    asgi_application: str = ""
    root_urlconf: str = ""
    installed_apps: tuple[str, ...] = ()
    values: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)


def read(
    tree: Tree,
    *,
    project_directory: str,
    module: str,
    environment: Collection[str],
    packages: Collection[str] = (),
) -> SettingsReading:
    """``environment``: names of the variables that are set; ``packages``: those that will be installed."""
    variables = Environment(tree, environment, base=project_directory)
    record = Record()
    executor = Executor(variables, "", [0], record, project_directory)
    path = executor._find(module)
    if not path:
        return SettingsReading()
    executor.path = path
    try:
        values = executor.run()
    except (TooMuchError, RecursionError):
        values = record.modules.get(path, {})
    return _compose(
        tree, path, values, variables, record, packages=frozenset(packages), base=project_directory
    )


def _compose(
    tree: Tree, path: str, values: dict[str, Any], variables: Environment, record: Record,
    *, packages: frozenset[str], base: str,
) -> SettingsReading:  # fmt: skip
    given = variables.given
    database = databases.judge(values.get("DATABASES"), packages=packages, given=given)
    held = placeholders.choose(variables.required, values, database=database.served, given=given)
    asked = tuple(name for name in variables.required if name not in held)
    place = record.assigned.get("DATABASES", Place(path=path, line=0))
    found = [
        *settings_findings.of_record(record),
        *(_ask(name, variables.required[name]) for name in asked),
        *settings_findings.of_values(values, record, tree=tree, path=path),
        *databases.findings(database, place, given=given),
        *_of_services(values, record, path),
        *settings_findings.of_packages(values, record, tree=tree, base=base, packages=packages),
    ]
    return SettingsReading(
        path=path,
        database=database.engine,
        services=_services(database, values, packages, held),
        required_environment=asked,
        placeholder_environment=tuple(held.items()),
        findings=tuple(found),
        wsgi_application=_text(values.get("WSGI_APPLICATION")),
        asgi_application=_text(values.get("ASGI_APPLICATION")),
        root_urlconf=_text(values.get("ROOT_URLCONF")),
        installed_apps=tuple(_texts(values.get("INSTALLED_APPS"))),
        values=values,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> Sequence[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, (list, tuple)) else []


def _ask(name: str, place: Place) -> Finding:
    message = f"The settings need the environment variable {name}, which is not set."
    return finding("environment-required", message, path=place.path, line=place.line)


def _services(
    database: databases.Database, values: dict[str, Any], packages: frozenset[str], held: dict[str, str]
) -> tuple[str, ...]:
    wanted = []
    if database.served == "postgresql":
        wanted.append("postgresql")
    if _wants_redis(values) or any(value.startswith("redis:") for value in held.values()):
        wanted.append("redis")
    if _wants_celery(values, packages):
        wanted.append("celery")
    return tuple(wanted)


def _wants_redis(values: dict[str, Any]) -> bool:
    """Whether a setting that the machine points at its own Redis names one that is not elsewhere."""
    return any(_names_redis(values.get(setting)) for setting in (*placeholders.REDIS, "RQ_QUEUES"))


def _names_redis(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_names_redis, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_names_redis, value))
    if isinstance(value, Unknown):
        return any("REDIS" in name or "BROKER" in name for name in names_in(value))
    return isinstance(value, str) and any(mark in value for mark in _REDIS_MARKS)


def _wants_celery(values: dict[str, Any], packages: frozenset[str]) -> bool:
    configured = any(name.startswith(("CELERY_", "BROKER_URL")) for name in values)
    return configured and ("celery" in packages or not packages)


def _of_services(values: dict[str, Any], record: Record, path: str) -> Iterator[Finding]:
    if _wants_redis(values):
        named = (record.assigned[name] for name in placeholders.REDIS if name in record.assigned)
        place = next(named, Place(path=path, line=0))
        message = "The settings name a Redis server; the machine runs one of its own."
        yield finding("redis-used", message, path=place.path, line=place.line)
    if "channels" in _texts(values.get("INSTALLED_APPS")):
        yield finding("channels-used", "The project uses Channels: it is served by ASGI.", path=path)
