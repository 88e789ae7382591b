"""What a project asks to have installed, and on which Python: read, and judged."""

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from packaging.specifiers import SpecifierSet

from . import distributions, python_versions, requirement_sources
from .catalogue import finding
from .facts import ReadOptions, RequirementSource
from .findings import Finding
from .python_versions import Wish
from .requirement_lines import Line
from .requirement_sources import Source
from .tree import Tree


@dataclass(frozen=True, kw_only=True)
class Dependencies:
    """``packages`` are normalized names, with those that the listed ones are known to bring; ``python`` is a
    specifier, empty where the machine's own will do; ``django`` the line that names it.
    """

    sources: tuple[RequirementSource, ...]
    findings: tuple[Finding, ...]
    packages: frozenset[str]
    python: str
    django: Line | None = None


def read(tree: Tree, *, project_directory: str, options: ReadOptions) -> Dependencies:
    machine = options.machine_python
    sources = requirement_sources.discover(tree, project_directory=project_directory, python=machine)
    lines = [line for source in sources for line in source.lines]
    locked = {
        name: version
        for source in sources
        for name, version in requirement_sources.locked_versions(tree, source).items()
    }
    lines = [_lock(line, locked) for line in lines]
    wishes = _wishes(tree, project_directory, sources, machine)
    python, python_findings = _choose_python(lines, wishes, options=options)
    found = [*_judge_sources(sources), *_judge_lines(tree, lines), *_judge_django(lines), *python_findings]
    return Dependencies(
        sources=tuple(
            RequirementSource(kind=item.kind, path=item.path) for item in sources if not item.problem
        ),
        findings=tuple(found),
        packages=frozenset(_packages(lines)) | frozenset(locked),
        python=python,
        django=next((line for line in lines if line.name == "django" and line.applies), None),
    )


def _lock(line: Line, locked: dict[str, str]) -> Line:
    version = locked.get(line.name, "")
    if line.kind != "package" or not re.fullmatch(r"[\w.!+-]+", version):
        return line
    return Line(
        kind=line.kind, text=line.text, path=line.path, number=line.number, name=line.name,
        specifier=SpecifierSet(f"==={version}"), applies=line.applies,
    )  # fmt: skip


def _packages(lines: Iterable[Line]) -> Iterator[str]:
    for line in lines:
        if line.name and line.applies:
            yield line.name
            yield from distributions.BRINGS.get(line.name, ())


def _wishes(tree: Tree, directory: str, sources: Sequence[Source], machine: str) -> list[Wish]:
    """What the project's own directory asks for goes before the root's, and a pin before a range."""
    for place in dict.fromkeys((directory, ".")):
        for name in (".python-version", "runtime.txt"):
            path = posixpath.normpath(posixpath.join(place, name))
            text = tree.text(path)
            wish = python_versions.parse_wish(text.text, path=path) if text else None
            if wish:
                return [wish]
    wishes = [wish for source in sources for wish in source.wishes]
    for place in dict.fromkeys((directory, ".")):
        path = posixpath.normpath(posixpath.join(place, "pyproject.toml"))
        source = requirement_sources.read_source(tree, "pyproject", path, python=machine)
        wishes += [wish for wish in (source.wishes if source else ()) if wish not in wishes]
    return wishes


def _judge_sources(sources: Sequence[Source]) -> Iterator[Finding]:
    if not sources:
        message = "No file of the repository lists the packages that the project needs."
        yield finding("requirements-missing", message)
    for source in sources:
        if source.problem:
            message = f"{source.path} cannot be read: {source.problem}"
            yield finding("project-file-invalid", message, path=source.path)
        if source.encoding.startswith("utf-16"):
            yield finding("requirements-utf16", f"{source.path} is written in UTF-16.", path=source.path)
        if source.kind in ("poetry", "pipfile"):
            message = f"{source.path} is converted into a list that pip understands."
            yield finding("requirements-converted", message, path=source.path)
    lines = [line for source in sources for line in source.lines]
    if lines and not any(line.applies for line in lines):
        message = f"All {len(lines)} requirements carry markers that exclude the machine."
        yield finding("requirements-excluded", message, path=lines[0].path, line=lines[0].number)


def _judge_lines(tree: Tree, lines: Sequence[Line]) -> Iterator[Finding]:
    for line in lines:
        if line.applies and line.kind != "broken":
            yield from _judge_line(tree, line)
    broken: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        if line.kind == "broken":
            broken.setdefault((line.path, _level(line)), []).append(line)
    for (_, level), group in broken.items():
        more = f", nor are {len(group) - 1} more lines" if len(group) > 1 else ""
        message = f'"{group[0].text[:120]}" is no requirement that pip understands{more}.'
        yield _at(group[0], "requirements-syntax", message, level=level)


def _level(broken: Line) -> str:
    """A specifier of old is read by older versions of pip, which the machine tries last."""
    legacy = re.match(r"[A-Za-z0-9][\w.-]*(\[.*\])?\s*\(?(==|>=|<=|~=|!=|<|>)\s*[\w.]", broken.text)
    return "warning" if legacy else "error"


def _judge_line(tree: Tree, line: Line) -> Iterator[Finding]:
    shown = f'"{line.text[:120]}"'
    if line.kind == "include":
        yield _at(line, "requirements-include-missing", f"{shown} names a file that is not there.")
    elif line.kind == "local" and not _is_inside(tree, line):
        yield _at(line, "requirements-local-path", f"{shown} is a path on another machine.")
    elif line.kind == "remote" and re.match(r"git\+(ssh|git)://|git\+git@", line.target):
        message = f"{shown} can be read only with a key, which the machine does not have."
        yield _at(line, "requirements-private-repository", message)
    elif line.kind == "remote":
        yield _at(line, "requirements-repository", f"{shown} is installed from a repository or an archive.")
    elif line.kind == "package":
        yield from _judge_package(line)


def _judge_package(line: Line) -> Iterator[Finding]:
    version = python_versions.pinned(line)
    if line.name in distributions.FOREIGN:
        yield _at(
            line, "requirements-foreign", f"{line.name} is of no use on the machine, which leaves it out."
        )
    elif line.name in distributions.SYSTEM_HEADERS:
        package = distributions.SYSTEM_HEADERS[line.name]
        message = f"{line.name} may have to be built with {package}, which the machine does not have."
        yield _at(line, "system-headers-missing", message)
    elif line.name == "gunicorn" and version is not None and version.major < 22:
        yield _at(line, "gunicorn-pinned", f"gunicorn is pinned to {version}.")


def _at(line: Line, code: str, message: str, *, level: str = "") -> Finding:
    return finding(code, message, path=line.path, line=line.number, level=level)


def _is_inside(tree: Tree, line: Line) -> bool:
    target = line.target.split("[")[0].strip()
    if "://" in target or target.startswith(("/", "~")) or "\\" in target:
        return False
    folder = posixpath.normpath(posixpath.join(posixpath.dirname(line.path), target))
    return any(tree.exists(posixpath.join(folder, name)) for name in ("setup.py", "pyproject.toml"))


def _judge_django(lines: Sequence[Line]) -> Iterator[Finding]:
    names = {line.name for line in lines if line.applies}
    if names and "django" not in names and not names & distributions.BRING_DJANGO:
        path = lines[0].path
        message = f"{path} lists {len(names)} packages, and Django is not among them."
        yield finding("django-missing", message, path=path)


def _choose_python(
    lines: Sequence[Line], wishes: Sequence[Wish], *, options: ReadOptions
) -> tuple[str, list[Finding]]:
    """The specifier that the machine is given, and what there is to say of it."""
    machine = _minor(options.machine_python)
    django = next((line for line in lines if line.name == "django" and line.applies), None)
    needs = python_versions.django_range(django) if django else ((3, 0), (3, 99))
    first, last, compiled = python_versions.compiled_range(line for line in lines if line.applies)
    hard = [python_versions.between(*needs)]
    wheels = [python_versions.between(first, last)] if first <= last else []
    asked = [wish.specifier for wish in wishes]
    if all(python_versions.holds(item, machine) for item in [*hard, *wheels, *asked]):
        return "", []
    chosen = None
    if options.python_downloads:
        for ranges in ([*hard, *asked, *wheels], [*hard, *asked], [*hard, *wheels], hard):
            chosen = chosen or python_versions.choose(ranges, machine=machine)
    causes = _causes(django, needs, compiled, wishes, machine)
    if chosen is None or chosen == machine:
        return "", [_without_python(cause, machine) for cause in causes]
    name = f"{chosen[0]}.{chosen[1]}"
    reasons = " ".join(text for _, text, _, _ in causes)
    message = f"{reasons} The machine fetches Python {name}."
    return f"=={name}.*", [finding("python-other", message, path=causes[0][2], line=causes[0][3])]


Cause = tuple[str, str, str, int]


def _causes(
    django: Line | None,
    needs: tuple[tuple[int, int], tuple[int, int]],
    compiled: Sequence[Line],
    wishes: Sequence[Wish],
    machine: tuple[int, int],
) -> list[Cause]:
    """Why the machine's Python will not do: code, words, path and line."""
    causes: list[Cause] = []
    for wish in wishes:
        if not python_versions.holds(wish.specifier, machine):
            causes.append(
                ("python-unavailable", f"{wish.path} asks for Python {wish.text}.", wish.path, wish.line)
            )
    if django and machine < needs[0]:
        text = f"{django.text[:80]} needs Python {needs[0][0]}.{needs[0][1]} or later."
        causes.append(("django-too-new", text, django.path, django.number))
    if django and machine > needs[1]:
        text = f"{django.text[:80]} was made for Python {needs[1][0]}.{needs[1][1]} or earlier."
        causes.append(("django-too-old", text, django.path, django.number))
    if compiled:
        names = ", ".join(line.text[:60] for line in compiled[:3])
        text = f"{names}: there are wheels for another Python only."
        causes.append(("package-python", text, compiled[0].path, compiled[0].number))
    return causes


def _without_python(cause: Cause, machine: tuple[int, int]) -> Finding:
    code, text, path, line = cause
    message = f"{text} The machine has Python {machine[0]}.{machine[1]}, and can have no other that fits."
    return finding(code, message, path=path, line=line)


def _minor(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)
