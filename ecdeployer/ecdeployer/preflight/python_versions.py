"""Which Python a project asks for, and which one it needs."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from . import distributions
from .requirement_lines import Line

#: What uv can fetch for Linux.
FETCHABLE = tuple((3, minor) for minor in range(8, 15))
#: A series of Django that nobody has pinned resolves to one that the machine's Python can have.
_ANY = ((3, 0), (3, 99))


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a file asks for: a specifier over minor versions."""

    specifier: SpecifierSet
    text: str
    path: str
    line: int = 1


def parse_wish(text: str, *, path: str) -> Wish | None:
    """From .python-version or runtime.txt: "3.9.6", "python-3.9.6", "3.9", "cpython@3.11"; else None."""
    for number, raw in enumerate(text.splitlines()[:20], 1):
        bare = raw.strip().strip("\ufeff")
        found = re.fullmatch(r"(?:c?python[-@ ]?)?(\d)\.(\d{1,2})(\.\d+)?", bare, re.IGNORECASE)
        if found:
            specifier = SpecifierSet(f"=={found[1]}.{found[2]}.*")
            return Wish(specifier=specifier, text=f"{found[1]}.{found[2]}", path=path, line=number)
    return None


def parse_specifier(text: str, *, path: str) -> Wish | None:
    """From requires-python, poetry's python or Pipfile's python_version, put as PEP 440."""
    bare = pep440(text)
    try:
        specifier = SpecifierSet(bare)
    except InvalidSpecifier:
        return None
    return Wish(specifier=specifier, text=text, path=path) if bare else None


def pep440(constraint: str) -> str:
    """Poetry's ^, ~ and bare versions as PEP 440 specifiers; of alternatives the last."""
    parts = [part.strip() for part in re.split(r"\|\|?", constraint)[-1].split(",")]
    return ",".join(filter(None, map(_one, parts)))


def _one(part: str) -> str:
    if part in ("", "*"):
        return ""
    if part[0] not in "^~" or part.startswith("~="):
        part = re.sub(r"\s", "", part)
        return part if part[0] in "<>=!~" else f"=={part}" + (".*" if re.fullmatch(r"\d+\.\d+", part) else "")
    numbers = [int(number) for number in re.findall(r"\d{1,9}", part)[:3]]
    if not numbers:
        return ""
    first = next((place for place, number in enumerate(numbers, 1) if number), len(numbers))
    keep = min(2, len(numbers)) if part[0] == "~" else first
    upper = ".".join(map(str, [*numbers[: keep - 1], numbers[keep - 1] + 1]))
    return f">={part[1:].strip()},<{upper}"


def holds(specifier: SpecifierSet, minor: tuple[int, int]) -> bool:
    """Whether some release of a minor version satisfies it."""
    version = f"{minor[0]}.{minor[1]}"
    return any(specifier.contains(f"{version}.{patch}") for patch in (0, 9, 99))


def pinned(line: Line) -> Version | None:
    """The version that a line names with == or ~=; None where it is open."""
    for clause in line.specifier:
        if clause.operator in ("==", "===", "~="):
            try:
                return Version(clause.version.removesuffix(".*"))
            except InvalidVersion:
                return None
    return None


def django_range(line: Line) -> tuple[tuple[int, int], tuple[int, int]]:
    """First and last Python that start some release of Django which the line allows."""
    allowed = [series for series in distributions.DJANGO_PYTHONS if _allows(line.specifier, series)]
    if not allowed:
        return _ANY
    lowest = min(distributions.DJANGO_PYTHONS[series][0] for series in allowed)
    return lowest, max(_last(series) for series in allowed)


def _allows(specifier: SpecifierSet, series: tuple[int, int]) -> bool:
    return any(specifier.contains(f"{series[0]}.{series[1]}.{patch}") for patch in range(31))


def _last(series: tuple[int, int]) -> tuple[int, int]:
    newest = max(distributions.DJANGO_PYTHONS)
    if series >= newest:
        return _ANY[1]
    return distributions.DJANGO_STARTS.get(series, distributions.DJANGO_PYTHONS[series][1])


def compiled_range(lines: Iterable[Line]) -> tuple[tuple[int, int], tuple[int, int], list[Line]]:
    """First and last Python for which the pinned packages have wheels, and the lines that set them."""
    first, last = _ANY
    why = []
    for line in lines:
        version = pinned(line)
        if version is None:
            continue
        table = distributions.LAST_PYTHONS.get(line.name, ())
        ends = [end for upto, end in table if _is_upto(version, Version(upto))]
        begins = distributions.FIRST_PYTHONS.get(line.name)
        if ends:
            last = min(last, ends[0])
            why.append(line)
        if begins and version >= Version(begins[0]):
            first = max(first, begins[1])
            why.append(line)
    return first, last, why


def _is_upto(version: Version, last: Version) -> bool:
    """1.35.2 belongs to 1.35."""
    return version.release[: len(last.release)] <= last.release


def choose(ranges: Sequence[SpecifierSet], *, machine: tuple[int, int]) -> tuple[int, int] | None:
    """The machine's own Python where all ranges hold it, else the nearest that uv can fetch; or None."""
    candidates = sorted({machine, *FETCHABLE}, key=lambda minor: (abs(minor[1] - machine[1]), minor))
    return next((minor for minor in candidates if all(holds(item, minor) for item in ranges)), None)


def between(first: tuple[int, int], last: tuple[int, int]) -> SpecifierSet:
    return SpecifierSet(f">={first[0]}.{first[1]},<{last[0]}.{last[1] + 1}")
