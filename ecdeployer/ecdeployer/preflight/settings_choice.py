"""Which settings module a site runs under: the chosen one, or what wsgi.py or manage.py names."""

import posixpath
import re
from dataclasses import dataclass

from .catalogue import finding
from .entry_points import EntryPoint
from .findings import Finding
from .layout import is_foreign
from .tree import Tree

_FILE = re.compile(r"(.*/)?(settings\w*|\w*_settings)\.py|(.*/)?(settings|conf|config)/\w+\.py")
_SETS = re.compile(
    r"^(INSTALLED_APPS|ROOT_URLCONF|DATABASES|DEBUG|MIDDLEWARE)\b|^\s*from\s+[\w.]+\s+import\s+\*", re.M
)
_APPS = re.compile(r"^INSTALLED_APPS\s*(:[^=\n]*)?=", re.M)
_SHARED = frozenset({"base", "common", "defaults", "shared"})
_MOST = 20


@dataclass(frozen=True, kw_only=True)
class Choice:
    """``module`` is empty where it has to be asked for, as a finding says, with ``candidates`` on offer."""

    module: str
    candidates: tuple[str, ...]
    findings: tuple[Finding, ...] = ()


def choose(tree: Tree, *, directory: str, chosen: str, entries: list[EntryPoint]) -> Choice:
    """``entries`` in the order in which they count, the server's before manage.py."""
    candidates = tuple(_candidates(tree, directory))
    if chosen:
        return _take_chosen(tree, directory, chosen, candidates)
    named = [entry for entry in entries if entry.settings]
    there = [entry for entry in named if sets_anything(tree, directory, entry.settings)]
    if there:
        return Choice(
            module=there[0].settings, candidates=candidates, findings=tuple(_remark(named, there[0]))
        )
    if len(candidates) == 1:
        return Choice(module=candidates[0], candidates=candidates, findings=(_instead(named, candidates[0]),))
    return Choice(module="", candidates=candidates, findings=(_ask(named, candidates),))


def _take_chosen(tree: Tree, directory: str, chosen: str, candidates: tuple[str, ...]) -> Choice:
    if file_of(tree, directory, chosen):
        return Choice(module=chosen, candidates=candidates)
    message = f"DJANGO_SETTINGS_MODULE is {chosen[:100]}, and the project has no such module."
    return Choice(module="", candidates=candidates, findings=(finding("settings-module-missing", message),))


def file_of(tree: Tree, directory: str, module: str) -> str:
    """The file of a dotted name in the project directory, empty where there is none."""
    if not re.fullmatch(r"[\w-]+(\.[\w-]+)*", module):
        return ""
    stem = posixpath.normpath(posixpath.join(directory, *module.split(".")))
    return next((path for path in (f"{stem}.py", f"{stem}/__init__.py") if tree.is_file(path)), "")


def sets_anything(tree: Tree, directory: str, module: str) -> bool:
    """False for a module that is absent, and for a package whose ``__init__.py`` leaves the choice open."""
    path = file_of(tree, directory, module)
    source = tree.text(path) if path else None
    if source is None:
        return False
    if not path.endswith("/__init__.py"):
        return True
    lines = [line.strip() for line in source.text.splitlines()]
    return any(line and not line.startswith("#") for line in lines)


def _candidates(tree: Tree, directory: str) -> list[str]:
    """Modules that look like settings for a server, those that others build upon left out.

    By their names; where none has such a name, what lies in the folders where somebody lists INSTALLED_APPS.
    """
    prefix = "" if directory == "." else f"{directory}/"
    files = [path for path in sorted(tree.all_files) if path.startswith(prefix) and path.endswith(".py")]
    files = [path for path in files if not is_foreign(path)]
    named = [path for path in files if _FILE.fullmatch(path.removeprefix(prefix))]
    paths = [path for path in named if _holds(tree, path, _SETS)]
    if not paths:
        folders = {posixpath.dirname(path) for path in files if _holds(tree, path, _APPS)}
        beside = [path for path in files if posixpath.dirname(path) in folders]
        paths = [path for path in beside if _holds(tree, path, _SETS)]
    stems = [path.removeprefix(prefix).removesuffix(".py").removesuffix("/__init__") for path in paths]
    found = [stem.replace("/", ".") for stem in stems]
    alone = [name for name in found if name.rpartition(".")[2] not in _SHARED]
    return (alone or found)[:_MOST]


def _holds(tree: Tree, path: str, pattern: re.Pattern[str]) -> bool:
    source = tree.text(path)
    return source is not None and pattern.search(source.text) is not None


def _remark(named: list[EntryPoint], taken: EntryPoint) -> list[Finding]:
    remarks = []
    if taken.forced:
        message = (
            f"{taken.path} sets DJANGO_SETTINGS_MODULE to {taken.settings} whatever the environment says."
        )
        remarks.append(finding("settings-module-forced", message, path=taken.path, line=taken.line))
    other = next((entry for entry in named if entry.settings != taken.settings), None)
    if other:
        message = f"{taken.path} names {taken.settings}, and {other.path} names {other.settings}."
        remarks.append(finding("settings-modules-differ", message, path=taken.path, line=taken.line))
    return remarks


def _instead(named: list[EntryPoint], module: str) -> Finding:
    if not named:
        message = f"Nothing names the settings module; {module} is the only one."
        return finding("settings-module-assumed", message)
    message = (
        f"{named[0].path} names {named[0].settings}, which is not there; {module} is the only one that is."
    )
    return finding("settings-module-assumed", message, path=named[0].path, line=named[0].line)


def _ask(named: list[EntryPoint], candidates: tuple[str, ...]) -> Finding:
    path, line = (named[0].path, named[0].line) if named else ("", 0)
    if candidates:
        names = f"{named[0].settings} holds no settings itself. " if named else ""
        message = f"{names}There are {len(candidates)} settings modules: {', '.join(candidates)[:400]}."
        return finding("settings-module-ambiguous", message, path=path, line=line)
    if named:
        message = (
            f"{named[0].path} names the settings module {named[0].settings}, which is not in the repository."
        )
        return finding("settings-module-missing", message, path=path, line=line)
    return finding(
        "settings-module-unknown", "No file of the project names its settings module.", path=path, line=line
    )
