"""The layout rule: the project directory is a direct child of the repository's root and holds manage.py."""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from .catalogue import finding
from .facts import ReadOptions
from .findings import Finding
from .tree import Tree

_FOREIGN = frozenset({"site-packages", "node_modules", "venv", ".venv", "env", "virtualenv", "__pycache__"})
_MARKS = ("django", "DJANGO_SETTINGS_MODULE", "execute_from_command_line")
_MOST_NAMED = 8


@dataclass(frozen=True, kw_only=True)
class Layout:
    """``directory`` from the root; empty where the rule does not hold, and a finding says why."""

    directory: str
    findings: tuple[Finding, ...]


def read(tree: Tree, *, project_name: str, options: ReadOptions) -> Layout:
    """Where the project of this name is."""
    homes = [posixpath.dirname(path) or "." for path in _manage_files(tree)]
    if project_name in homes:
        return Layout(directory=project_name, findings=tuple(_others(project_name, homes)))
    if options.allow_root_manage and "." in homes:
        return Layout(directory=".", findings=tuple(_others(".", homes)))
    return Layout(directory="", findings=(_explain(tree, project_name, homes),))


def _manage_files(tree: Tree) -> list[str]:
    """Those that are Django's, outside of virtual environments."""
    found = [path for path in tree.all_files if posixpath.basename(path) == "manage.py"]
    return sorted(path for path in found if not is_foreign(path) and _is_djangos(tree, path))


def is_foreign(path: str) -> bool:
    """Whether a path lies in something that was installed rather than written."""
    return not _FOREIGN.isdisjoint(path.split("/")[:-1])


def _is_djangos(tree: Tree, path: str) -> bool:
    source = tree.text(path)
    return source is not None and any(mark in source.text for mark in _MARKS)


def _others(directory: str, homes: list[str]) -> Iterator[Finding]:
    others = [home for home in homes if home != directory]
    if others:
        message = f"{_list(others)} holds a manage.py too; {directory} is the one that is deployed."
        yield finding("several-projects", message, path=directory)


def _explain(tree: Tree, project_name: str, homes: list[str]) -> Finding:
    children = [home for home in homes if home != "." and "/" not in home]
    deeper = [home for home in homes if "/" in home]
    if children:
        return _other_name(tree, project_name, children)
    if "." in homes:
        return _at_root(tree, project_name)
    if deeper:
        message = f"manage.py is in {_list(deeper)}, which is no direct child of the repository's root."
        remedy = (
            f"Move {deeper[0]} to the root of the repository, so that {_last(deeper[0])}/manage.py exists."
        )
        return finding("layout-too-deep", message, path=f"{deeper[0]}/manage.py", remedy=remedy)
    if tree.exists(project_name):
        message = f"{project_name} holds no manage.py, and neither does any other directory."
        return finding("manage-missing", message, path=project_name)
    return finding("manage-missing", "No directory of the repository holds a manage.py.")


def _other_name(tree: Tree, project_name: str, children: list[str]) -> Finding:
    there = (
        f"{project_name} holds no manage.py" if tree.exists(project_name) else f"There is no {project_name}"
    )
    message = f"{there}. {_list(children)} {'holds' if len(children) == 1 else 'hold'} one."
    meant = [child for child in children if child.lower() == project_name.lower()] or children
    remedy = f"Enter {meant[0]} as the project name." if len(meant) == 1 else ""
    return finding("project-name-unknown", message, remedy=remedy)


def _at_root(tree: Tree, project_name: str) -> Finding:
    packages = [path for path in tree.directories() if tree.is_file(f"{path}/wsgi.py")]
    project = packages[0] if packages else project_name
    remedy = f"Move manage.py and the packages beside it into a directory {project}, and enter {project}."
    message = "manage.py stands at the root of the repository; it has to stand in a directory of its own."
    return finding("layout-at-root", message, path="manage.py", remedy=remedy)


def _last(path: str) -> str:
    return posixpath.basename(path)


def _list(names: list[str]) -> str:
    shown = ["the root" if name == "." else name for name in names[:_MOST_NAMED]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
