"""Every finding there is, by code: what it means, and what to do. The texts stand in catalogue.toml."""

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from .findings import Finding, Level


@dataclass(frozen=True, kw_only=True)
class Entry:
    """``levels``: the usual one first."""

    code: str
    title: str
    levels: tuple[Level, ...]
    meaning: str
    remedy: str


@functools.cache
def entries() -> Mapping[str, Entry]:
    """By code, in alphabetical order."""
    document = tomllib.loads(Path(__file__).with_name("catalogue.toml").read_text(encoding="utf-8"))
    return {
        code: Entry(
            code=code, title=text["title"], levels=tuple(text["levels"]),
            meaning=" ".join(text["meaning"].split()), remedy=" ".join(text["remedy"].split()),
        )
        for code, text in sorted(document.items())
    }  # fmt: skip


def finding(
    code: str, message: str, *, path: str = "", line: int = 0, level: str = "", remedy: str = ""
) -> Finding:
    """A finding with its usual level and remedy, where no other is given."""
    entry = entries()[code]
    return Finding(
        code=code, level=cast("Level", level or entry.levels[0]), message=message,
        remedy=remedy or entry.remedy, path=path, line=line,
    )  # fmt: skip
