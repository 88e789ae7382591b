"""Where a project keeps its requirements, and what stands there."""

import json
import posixpath
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from packaging.utils import canonicalize_name

from .python_versions import Wish, parse_specifier, pep440
from .requirement_lines import Line, parse, parse_line
from .tree import Tree

#: Names of a requirement file, the most telling first; the machine is no development machine.
FILES = (
    "requirements.txt",
    *(
        f"requirements/{name}.txt"
        for name in ("production", "prod", "requirements", "base", "common", "main")
    ),
    *(f"requirements-{name}.txt" for name in ("prod", "production", "base")),
    *(f"requirements_{name}.txt" for name in ("prod", "production", "base")),
    *(f"{name}.txt" for name in ("requirement", "requirments", "requirememts", "requirements_dev")),
    *(f"requirements/{name}.txt" for name in ("local", "dev", "development", "deploy")),
    *("requirements.in", "reqs.txt", "req.txt", "requires.txt", "dependencies.txt", "pip.txt"),
)
_MOST_INCLUDES = 20
_REQUIREMENTS = re.compile(r"(requirement[^/]*|/requirements/[^/]+)\.(txt|in|pip)$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Source:
    """One file. ``problem`` says why it cannot be read, as a parser put it."""

    kind: str
    path: str
    lines: tuple[Line, ...] = ()
    wishes: tuple[Wish, ...] = ()
    encoding: str = "utf-8"
    problem: str = ""


def discover(tree: Tree, *, project_directory: str, python: str) -> list[Source]:
    """The sources of the project's directory, or those of the root: one kind each."""
    places = list(dict.fromkeys((project_directory, ".")))
    found = [list(_in_place(tree, place, python=python)) for place in places]
    for sources in found:
        if any(line.name == "django" for source in sources for line in source.lines):
            return sources
    return [source for sources in found for source in sources]


def _in_place(tree: Tree, place: str, *, python: str) -> Iterator[Source]:
    """The first kind that lists anything; a file that lists nothing does not hide the next kind."""
    for kind, names in (
        ("requirements", FILES),
        ("pyproject", ("pyproject.toml",)),
        ("pipfile", ("Pipfile",)),
    ):
        for name in (*names, *(_alike(tree, place) if kind == "requirements" else ())):
            path = _spelled(tree, posixpath.normpath(posixpath.join(place, name)))
            source = read_source(tree, kind, path, python=python) if path else None
            if source is not None and (source.lines or source.problem):
                yield source
                return


def _alike(tree: Tree, place: str) -> list[str]:
    """Files that are called like requirements, those for production first and those for tests never."""
    folders = [place, posixpath.normpath(posixpath.join(place, "requirements"))]
    paths = [path for folder in folders for path in tree.files(folder) if _REQUIREMENTS.search(path)]
    names = [posixpath.relpath(path, place) for path in paths if "test" not in path.lower()]
    return sorted(names, key=lambda name: (not re.search("pro|dep", name, re.IGNORECASE), len(name), name))


def _spelled(tree: Tree, path: str) -> str:
    """The path as the repository spells it: Requirements.txt is found too."""
    if tree.exists(path):
        return path
    folder, name = posixpath.split(path)
    names = (posixpath.basename(file) for file in tree.files(folder or "."))
    match = next((file for file in names if file.lower() == name.lower()), "")
    return posixpath.join(folder, match) if match else ""


def read_source(tree: Tree, kind: str, path: str, *, python: str) -> Source | None:
    if kind == "requirements":
        return _requirements(tree, path, python=python)
    read = tree.text(path)
    if read is None:
        return None
    try:
        document = tomllib.loads(read.text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return Source(kind=kind, path=path, problem=str(error))
    if kind == "pipfile":
        return _pipfile(document, path, python=python)
    return _project(tree, document, path, python=python)


def _requirements(tree: Tree, path: str, *, python: str) -> Source | None:
    """The file with all that it includes."""
    first = tree.text(path)
    if first is None:
        return None
    lines: list[Line] = []
    waiting, seen = [path], {path}
    while waiting and len(seen) <= _MOST_INCLUDES:
        current = waiting.pop(0)
        read = tree.text(current)
        for line in parse(read.text, path=current, python=python) if read else ():
            if line.kind != "include":
                lines.append(line)
                continue
            target = posixpath.normpath(posixpath.join(posixpath.dirname(current), line.target))
            if tree.exists(target) and target not in seen:
                seen.add(target)
                waiting.append(target)
            elif target not in seen:
                lines.append(line)
    return Source(kind="requirements", path=path, lines=tuple(lines), encoding=first.encoding)


def _table(document: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """A nested table; empty where something else stands in its place."""
    found: Any = document
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return dict(found) if isinstance(found, Mapping) else {}


def _wishes(path: str, *constraints: object) -> tuple[Wish, ...]:
    read = (parse_specifier(text, path=path) for text in constraints if isinstance(text, str))
    return tuple(wish for wish in read if wish is not None)


def _project(tree: Tree, document: dict[str, Any], path: str, *, python: str) -> Source:
    project, poetry = _table(document, "project"), _table(document, "tool", "poetry")
    listed = project.get("dependencies")
    texts = [str(item) for item in listed] if isinstance(listed, list) else []
    entries = _table(poetry, "dependencies")
    texts += [
        text for name, wanted in entries.items() if name.lower() != "python" for text in _entry(name, wanted)
    ]
    wishes = _wishes(path, project.get("requires-python"), entries.get("python"))
    folder = posixpath.dirname(path)
    locked = tree.exists(posixpath.join(folder, "uv.lock"))
    kind = "poetry" if entries and not listed else "uv" if locked else "pyproject"
    return Source(kind=kind, path=path, lines=_lines(texts, path, python=python), wishes=wishes)


def _pipfile(document: dict[str, Any], path: str, *, python: str) -> Source:
    texts = [text for name, wanted in _table(document, "packages").items() for text in _entry(name, wanted)]
    requires = _table(document, "requires")
    wishes = _wishes(path, requires.get("python_full_version") or requires.get("python_version"))
    return Source(kind="pipfile", path=path, lines=_lines(texts, path, python=python), wishes=wishes)


def _lines(texts: list[str], path: str, *, python: str) -> tuple[Line, ...]:
    read = (parse_line(text, path=path, number=1, python=python) for text in texts)
    return tuple(line for line in read if line is not None and line.kind != "include")


def _entry(name: str, wanted: object) -> Iterator[str]:
    """One dependency as poetry and pipenv write them, as pip's line."""
    if isinstance(wanted, list):
        for item in wanted:
            yield from _entry(name, item) if not isinstance(item, list) else ()
        return
    entry = wanted if isinstance(wanted, dict) else {"version": str(wanted)}
    if entry.get("optional"):
        return
    if entry.get("path"):
        yield f"-e {entry['path']}"
        return
    marker = f" ; {entry['markers']}" if entry.get("markers") else ""
    address = entry.get("git") or entry.get("url")
    version = (
        f" @ {'git+' if entry.get('git') else ''}{address}"
        if address
        else pep440(str(entry.get("version", "*")))
    )
    yield f"{canonicalize_name(name)}{version}{marker}"


def locked_versions(tree: Tree, source: Source) -> dict[str, str]:
    """Exact versions that stand in the lock file beside a project file; the machine installs these."""
    folder = posixpath.dirname(source.path)
    if source.kind == "pipfile":
        read = tree.text(f"{source.path}.lock")
        return _pipfile_lock(read.text) if read else {}
    for name in ("uv.lock", "poetry.lock"):
        read = tree.text(posixpath.join(folder, name)) if source.kind in ("uv", "poetry") else None
        if read is not None:
            return _toml_lock(read.text)
    return {}


def _pipfile_lock(text: str) -> dict[str, str]:
    try:
        default = _table(json.loads(text), "default")
    except (ValueError, RecursionError):
        return {}
    versions = {name: _table(default, name).get("version") for name in default}
    return {
        canonicalize_name(name): str(version).lstrip("=") for name, version in versions.items() if version
    }


def _toml_lock(text: str) -> dict[str, str]:
    try:
        packages = tomllib.loads(text).get("package", [])
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}
    tables = [item for item in packages if isinstance(item, dict)] if isinstance(packages, list) else []
    return {canonicalize_name(str(item.get("name", ""))): str(item.get("version", "")) for item in tables}
