"""What runs beside the site: the Procfile's lines, or Celery's worker and beat where there is none."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from . import celery_app, procfile
from .catalogue import finding
from .celery_app import CeleryApp
from .findings import Finding
from .procfile import Procfile
from .project_settings import SettingsReading
from .tree import Tree


@dataclass(frozen=True, kw_only=True)
class Processes:
    """``lines``: pairs of name and line; ``services`` and ``placeholders`` as in the facts."""

    procfile: Procfile
    lines: tuple[tuple[str, str], ...] = ()
    services: tuple[str, ...] = ()
    placeholders: tuple[tuple[str, str], ...] = ()
    findings: tuple[Finding, ...] = ()


def read(
    tree: Tree,
    *,
    directory: str,
    packages: Sequence[str],
    settings: SettingsReading,
    installed: Collection[str],
) -> Processes:
    """``packages`` are the site's own, ``installed`` those that its requirements name."""
    declared = procfile.read(tree, directory=directory)
    app = None
    if "celery" in installed or (not installed and "celery" in settings.services):
        app = celery_app.find(tree, directory=directory, packages=packages, settings=settings)
    found = list(declared.findings)
    is_used = app is not None or "celery" in settings.services
    if is_used and not any("celery" in line for _, line in declared.processes):
        found.append(_of_celery(app, declared, settings, installed))
    needs_broker = app is not None and app.needs_broker
    return Processes(
        procfile=declared,
        lines=declared.processes if declared.path or app is None else app.lines,
        services=(*(("redis",) if needs_broker else ()), *(("celery",) if is_used else ())),
        placeholders=(celery_app.BROKER,) if needs_broker else (),
        findings=tuple(found),
    )


def _of_celery(
    app: CeleryApp | None, declared: Procfile, settings: SettingsReading, installed: Collection[str]
) -> Finding:
    path = declared.path or (app.path if app else settings.path)
    if declared.path:
        message = "The project uses Celery, and its Procfile starts no worker."
        return finding("celery-used", message, path=path, level="warning")
    if app is None:
        message = "The settings speak of Celery, and no module makes an application of it."
        return finding("celery-used", message, path=path, level="warning")
    if app.needs_broker and installed and "redis" not in installed:
        message = "Celery's worker needs the package redis, which is not among the requirements."
        return finding("celery-used", message, path=path, level="warning")
    message = f"The machine runs {' and '.join(name for name, _ in app.lines)} of Celery with {app.module}."
    return finding("celery-used", message, path=path)
