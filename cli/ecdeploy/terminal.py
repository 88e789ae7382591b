"""What is written, and where: what was asked for to stdout, everything beside it to stderr.

Whatever comes from the portal was written by repositories and machines: nothing of it reaches a terminal that
the terminal would obey.
"""

import json
import re
import sys
from collections.abc import Mapping
from typing import Any

import click
from rich.console import Console
from rich.text import Text

#: What terminals obey, and then every control character but tab and newline, with the marks that turn text.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
_CONTROLS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def clean(text: object) -> str:
    """Several lines, with nothing in them that a terminal would obey."""
    return _CONTROLS.sub("", re.sub(r"\r+\n?", "\n", _ESCAPES.sub("", str(text))))


def line(text: object) -> str:
    """The same in one line."""
    return " ".join(clean(text).split())


def tell(text: object, *, style: str = "") -> None:
    """Something beside the answer."""
    beside().print(Text(clean(text), style=style))


def beside() -> Console:
    """stderr; coloured where it is a terminal and NO_COLOR is not set."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


def say(text: object) -> None:
    """A part of the answer, in whole lines."""
    click.echo(clean(text), color=False)


def stream(text: object) -> None:
    """A part of the answer that goes on."""
    click.echo(clean(text), nl=False, color=False)
    sys.stdout.flush()


def say_json(record: Mapping[str, Any]) -> None:
    """One object in one line of ASCII: what could be obeyed is escaped."""
    click.echo(json.dumps(record), color=False)
    sys.stdout.flush()


def say_table(rows: list[list[str]]) -> None:
    """Columns as wide as their widest cell; nothing is cut, for the sake of programs that read it."""
    cells = [[line(cell) or "-" for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def is_interactive() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()
