"""The lines of pip's requirement files, as far as they can be read without an installer."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from packaging.markers import UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

#: A file with more lines was not written for an installer.
MOST_LINES = 5_000
_LEGACY = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)\s*(\[[^\]]*\])?\s*(?P<url>@\s*\S+)?")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One requirement. ``kind``: "package", "local" (a path or file URL), "remote" (a repository or archive),
    "include" (``target`` is the other file), "broken". ``applies`` is false where a marker excludes us.
    """

    kind: str
    text: str
    path: str
    number: int
    name: str = ""
    specifier: SpecifierSet = field(default_factory=SpecifierSet)
    applies: bool = True
    target: str = ""


def parse(text: str, *, path: str, python: str) -> Iterator[Line]:
    """The requirements in a file's text for a machine with ``python`` ("3.11")."""
    for number, bare in logical_lines(text):
        found = parse_line(bare, path=path, number=number, python=python)
        if found is not None:
            yield found


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, without comments and hashes; continued ones in one."""
    held, start = "", 0
    for number, raw in enumerate(text.splitlines()[:MOST_LINES], 1):
        start = start or number
        held += raw.rstrip("\\") if raw.endswith("\\") else raw
        if raw.endswith("\\"):
            continue
        bare = re.sub(r"(^|\s)#.*", "", held).replace("\0", "").strip("\ufeff \t")
        bare = re.sub(r"\s+--(hash|global-option|install-option|config-settings)[=\s]\S+", "", bare)
        if bare:
            yield start, bare[:2_000]
        held, start = "", 0


def parse_line(bare: str, *, path: str, number: int, python: str) -> Line | None:
    """None for an option that asks for no package."""
    include = re.match(r"(-r|--requirement|-c|--constraint)[\s=]*(.+)", bare)
    if include:
        kind = "include" if include[1] in ("-r", "--requirement") else ""
        target = include[2].strip().strip("\"'")
        return Line(kind=kind, text=bare, path=path, number=number, target=target) if kind else None
    editable = re.match(r"(-e|--editable)[\s=]*(.+)", bare)
    target = editable[2].strip() if editable else bare
    if target.startswith("-"):
        return None
    if "://" in target.split("@")[0].split("#")[0] or target.startswith("git+"):
        egg = re.search(r"#egg=([\w.-]+)", target)
        name = canonicalize_name(egg[1]) if egg else _repository_name(target)
        kind = "local" if target.startswith("file:") else "remote"
        return Line(kind=kind, text=bare, path=path, number=number, name=name, target=target)
    if editable or target.startswith((".", "/", "~")) or re.match(r"[A-Za-z]:[\\/]", target):
        return Line(kind="local", text=bare, path=path, number=number, target=target)
    return _package(bare, path=path, number=number, python=python)


def _repository_name(target: str) -> str:
    """github.com/owner/django-thing.git -> django-thing, which is most often its package's name."""
    path = re.sub(r"[?#].*$", "", target.split("://", 1)[-1])
    last = re.sub(r"@.*$", "", path.rstrip("/").rsplit("/", 1)[-1])
    last = re.sub(r"(\.git|\.zip|\.tar\.gz)$", "", last)
    return canonicalize_name(last)


def _package(bare: str, *, path: str, number: int, python: str) -> Line:
    try:
        requirement = Requirement(bare)
    except (InvalidRequirement, RecursionError):
        found = _LEGACY.fullmatch(bare)
        name = canonicalize_name(found["name"]) if found else ""
        return Line(kind="broken", text=bare, path=path, number=number, name=name)
    kind = "package"
    if requirement.url:
        kind = "local" if requirement.url.startswith("file:") else "remote"
    return Line(
        kind=kind, text=bare, path=path, number=number, name=canonicalize_name(requirement.name),
        specifier=requirement.specifier, applies=applies(requirement, python=python),
        target=requirement.url or "",
    )  # fmt: skip


def applies(requirement: Requirement, *, python: str) -> bool:
    """Whether a Debian machine with ``python`` installs it; yes where its marker is unknown."""
    if requirement.marker is None:
        return True
    environment = {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{python}.2",
        "python_version": python,
        "sys_platform": "linux",
        "extra": "",
    }
    try:
        return requirement.marker.evaluate(environment)
    except (UndefinedEnvironmentName, ValueError, RecursionError):
        return True
