"""What the commands say and ask, and how they wait; tests put their own in its place."""

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TextIO


class RefusalError(Exception):
    """Why a command ends here, and what to do; nothing more is printed, and it exits with 1."""


@dataclass
class Terminal:
    """``answers`` is where somebody types, or None where nobody does."""

    out: TextIO = field(default_factory=lambda: sys.stdout)
    answers: TextIO | None = field(default_factory=lambda: sys.stdin if sys.stdin.isatty() else None)
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.now()

    def say(self, text: str = "") -> None:
        """Whole lines, at once: a log that is followed shows them as they come."""
        print(text, file=self.out, flush=True)

    def step(self, text: str) -> None:
        """A line that begins with the seconds since the start."""
        self.say(f"[{self.now() - self.began:5.0f} s] {text}")

    def table(self, rows: Iterable[Sequence[str]]) -> None:
        """Columns as wide as their widest cell, the first row above them."""
        cells = [[str(cell) for cell in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for row in cells:
            line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.say(f"  {line}".rstrip())

    def ask(self, question: str, *, wanted: str, otherwise: str) -> bool:
        """Whether somebody typed ``wanted``. Without a terminal RefusalError says ``otherwise``."""
        if self.answers is None:
            raise RefusalError(f"Nobody can be asked: this is not a terminal. {otherwise}")
        print(question, end=" ", file=self.out, flush=True)
        return self.answers.readline().strip() == wanted
