"""The Celery application of a project: its module, what its worker and beat are started with, its broker."""

import ast
import posixpath
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from . import entry_points
from .layout import is_foreign
from .placeholders import REDIS_URL
from .project_settings import SettingsReading
from .settings_values import Unset
from .tree import Tree

#: Where people put ``app = Celery(...)``.
_NAMES = ("celery.py", "celery_app.py", "celeryapp.py", "celeryconf.py", "app.py", "tasks.py", "__init__.py")
_DEPTH = 3
_BROKERS = ("CELERY_BROKER_URL", "BROKER_URL")
_SCHEDULES = ("CELERY_BEAT_SCHEDULE", "CELERYBEAT_SCHEDULE")
_PERIODIC = re.compile(r"\bbeat_schedule\b|\badd_periodic_task\b|\bbeat_scheduler\b")
_LOCAL_REDIS = re.compile(r"redis://(localhost|127\.0\.0\.1|redis)\b")
BROKER = ("CELERY_BROKER_URL", REDIS_URL)


@dataclass(frozen=True, kw_only=True)
class CeleryApp:
    """``module`` as Python imports it in the project directory, ``path`` from the repository's root.

    ``lines``: pairs of a process's name and what starts it. ``needs_broker``: nobody names one that the
    machine could reach.
    """

    module: str
    path: str
    lines: tuple[tuple[str, str], ...]
    needs_broker: bool


def find(
    tree: Tree, *, directory: str, packages: Collection[str], settings: SettingsReading
) -> CeleryApp | None:
    """The likeliest module that makes one; ``packages`` are the site's own, the likeliest first."""
    likely = [f"{package}.celery" for package in packages]
    found = sorted(_modules(tree, directory), key=lambda each: (each[0].count("."), each))
    for module, path in sorted(found, key=lambda each: each[0] not in likely):
        source = tree.text(path)
        if source is not None and "Celery" in source.text and _makes_celery(source.text):
            return _compose(module, path, source.text, settings)
    return None


def _modules(tree: Tree, directory: str) -> Iterator[tuple[str, str]]:
    prefix = "" if directory == "." else f"{directory}/"
    for path in tree.all_files:
        inside = path.removeprefix(prefix)
        parts = inside.removesuffix(".py").split("/")
        if path.startswith(prefix) and len(parts) <= _DEPTH and posixpath.basename(path) in _NAMES:
            names = parts[:-1] if parts[-1] == "__init__" else parts
            if names and all(part.isidentifier() for part in names) and not is_foreign(path):
                yield ".".join(names), path


def _makes_celery(text: str) -> bool:
    """Whether a name of the module is given what ``Celery(...)`` makes."""
    try:
        module = entry_points.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    assigned = (node.value for node in module.body if isinstance(node, ast.Assign))
    return any(isinstance(value, ast.Call) and _name(value.func) == "Celery" for value in assigned)


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _compose(module: str, path: str, text: str, settings: SettingsReading) -> CeleryApp:
    values, apps = settings.values, settings.installed_apps
    start = f"celery --app {module}"
    # What the project says itself goes first; ECDEPLOYER_CONCURRENCY is what the machine can carry.
    chosen = "CELERY_WORKER_CONCURRENCY" in values or "worker_concurrency" in text
    worker = f"{start} worker --loglevel INFO" + (
        "" if chosen else ' --concurrency "$ECDEPLOYER_CONCURRENCY"'
    )
    lines = [("worker", worker)]
    in_database = "django_celery_beat" in apps
    if in_database or _PERIODIC.search(text) or any(name in values for name in _SCHEDULES):
        memory = "--scheduler django_celery_beat.schedulers:DatabaseScheduler"
        if not in_database:
            # It outlives the release: what was due stays due.
            memory = '--schedule "$HOME/celerybeat-schedule"'
        lines.append(("beat", f"{start} beat --loglevel INFO --pidfile= {memory}"))
    named = [values[name] for name in _BROKERS if name in values]
    is_named = any(value and not isinstance(value, Unset) for value in named)
    needs_broker = bool(_LOCAL_REDIS.search(text)) if "broker" in text else not is_named
    return CeleryApp(module=module, path=path, lines=tuple(lines), needs_broker=needs_broker and not is_named)
