"""What serves the site: the WSGI or ASGI module, and whether what it imports can be parsed."""

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from . import entry_points
from .catalogue import finding
from .entry_points import EntryPoint
from .findings import Finding
from .layout import is_foreign
from .procfile import Web
from .project_settings import SettingsReading
from .settings_choice import file_of
from .tree import Tree

_LATER_PYTHON = (
    "Where the line is right for Python 3.12, which lets an f-string hold its own quotes, ask for that: "
    "write 3.12 to a file .python-version at the root. Mend the line otherwise."
)
_IMPORTED_AT_START = ("__init__", "apps", "models", "admin", "urls")


@dataclass(frozen=True, kw_only=True)
class Servers:
    """Modules are empty where there is none; one of the two is there unless a finding is an error."""

    wsgi_module: str
    asgi_module: str
    interface: str
    findings: tuple[Finding, ...]


def packages(tree: Tree, *, directory: str, project_name: str, manage: EntryPoint | None) -> list[str]:
    """Packages that may hold wsgi.py, as dotted names, the likeliest first.

    Usually the project's name; but many projects call the package ``config`` or ``core``: manage.py names
    its settings.
    """
    parts = manage.settings.split(".")[:-1] if manage else []
    named = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    others = [
        posixpath.basename(path)
        for path in tree.directories(directory)
        if not is_foreign(f"{path}/x") and any(tree.is_file(f"{path}/{name}.py") for name in ("wsgi", "asgi"))
    ]
    return list(dict.fromkeys([*named[:1], project_name, *named[1:], *others]))


def entry_points_of(tree: Tree, directory: str, names: Sequence[str], server: str) -> Iterator[EntryPoint]:
    for name in names:
        path = file_of(tree, directory, f"{name}.{server}")
        entry = entry_points.read(tree, path) if path else None
        if entry:
            yield entry


def entry_points_in_order(tree: Tree, directory: str, names: Sequence[str]) -> list[EntryPoint]:
    """wsgi.py, then asgi.py, of the likeliest package that has one."""
    found = [next(entry_points_of(tree, directory, names, server), None) for server in ("wsgi", "asgi")]
    return [entry for entry in found if entry]


def read(
    tree: Tree,
    *,
    directory: str,
    packages: Sequence[str],
    settings: SettingsReading,
    python: str,
    web: Web | None = None,
) -> Servers:
    """``python`` is not empty where the site runs on another Python than this one.

    What a Procfile's ``web`` line names goes before what is found.
    """
    wsgi = _module(tree, directory, packages, settings.wsgi_application, "wsgi")
    asgi = _module(tree, directory, packages, settings.asgi_application, "asgi")
    if web and web.interface == "asgi":
        asgi = web.module
    elif web and web.interface:
        wsgi = web.module
    wants_asgi = asgi and "channels" in settings.installed_apps
    found = list(_broken(tree, directory, settings, [wsgi, asgi], python=python))
    if not wsgi and not asgi:
        message = f"No package in {directory} holds a wsgi.py or an asgi.py."
        found.append(finding("wsgi-missing", message, path=directory))
    elif not wsgi:
        found.append(finding("asgi-only", "The project has an asgi.py and no wsgi.py.", path=directory))
    interface = (web and web.interface) or ("asgi" if wants_asgi or not wsgi else "wsgi")
    return Servers(wsgi_module=wsgi, asgi_module=asgi, interface=interface, findings=tuple(found))


def _module(tree: Tree, directory: str, names: Sequence[str], application: str, server: str) -> str:
    """What the settings name, where it is there; else the likeliest package's."""
    named = application.rpartition(".")[0]
    if named and file_of(tree, directory, named):
        return named
    return next((f"{name}.{server}" for name in names if file_of(tree, directory, f"{name}.{server}")), "")


def _broken(
    tree: Tree, directory: str, settings: SettingsReading, modules: Sequence[str], *, python: str
) -> Iterator[Finding]:
    """Files that the site imports at its start and that are no Python."""
    names = [*filter(None, modules), settings.root_urlconf]
    names += [
        f"{app.split('.apps.')[0]}.{part}" for app in settings.installed_apps for part in _IMPORTED_AT_START
    ]
    paths = [path for name in names if name and (path := file_of(tree, directory, name))]
    for path in dict.fromkeys(paths):
        entry = entry_points.read(tree, path)
        if entry and entry.problem:
            level = "warning" if python else "error"
            message = f"{path} is not valid Python: {entry.problem[:200]}."
            remedy = _LATER_PYTHON if "f-string" in entry.problem else ""
            yield finding("python-syntax", message, path=path, line=entry.line, level=level, remedy=remedy)
    if settings.root_urlconf and not file_of(tree, directory, settings.root_urlconf):
        top = settings.root_urlconf.partition(".")[0]
        if tree.exists(posixpath.normpath(posixpath.join(directory, top))):
            message = f"ROOT_URLCONF is {settings.root_urlconf}, and the project has no such module."
            yield finding("urls-missing", message, path=settings.path)
