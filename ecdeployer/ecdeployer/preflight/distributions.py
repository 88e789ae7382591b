"""What is known of packages on PyPI: where they run, what they need, which module they bring.

The tables stand in distributions.toml, with their sources. A Python, or a series of Django, is two numbers.
"""

import tomllib
from pathlib import Path

Series = tuple[int, int]


def _series(text: str) -> Series:
    major, minor = text.split(".")
    return int(major), int(minor)


_TABLES = tomllib.loads(Path(__file__).with_name("distributions.toml").read_text(encoding="utf-8"))
_DJANGO = _TABLES["django"]

FOREIGN: frozenset[str] = frozenset(_TABLES["foreign"])
BRING_DJANGO: frozenset[str] = frozenset(_TABLES["bring_django"])
SYSTEM_HEADERS: dict[str, str] = _TABLES["headers"]
MODULES: dict[str, str] = _TABLES["modules"]
BRINGS: dict[str, list[str]] = _TABLES["brings"]
DJANGO_PYTHONS: dict[Series, tuple[Series, Series]] = {
    _series(series): (_series(first), _series(last)) for series, (first, last) in _DJANGO["supports"].items()
}
DJANGO_STARTS: dict[Series, Series] = {
    _series(series): _series(last) for series, last in _DJANGO["starts"].items()
}
LAST_PYTHONS: dict[str, list[tuple[str, Series]]] = {
    name: [(release, _series(python)) for release, python in pairs]
    for name, pairs in _TABLES["last_python"].items()
}
FIRST_PYTHONS: dict[str, tuple[str, Series]] = {
    name: (release, _series(python)) for name, (release, python) in _TABLES["first_python"].items()
}
