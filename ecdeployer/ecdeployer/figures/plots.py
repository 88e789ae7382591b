"""Plots as SVG: numbers in, drawings out. A browser stretches the drawing; words stand beside it, as HTML."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

#: Of the drawing, in units of its own.
WIDTH, HEIGHT = 1000.0, 100.0
#: Where less than this many samples of a line are missing it goes on.
HOLES = 2.5


@dataclass(frozen=True)
class Point:
    """``value`` is None where nothing is known."""

    at: datetime
    value: float | None


@dataclass(frozen=True, kw_only=True)
class Line:
    """``path`` goes along the numbers, ``area`` encloses what is below; both are SVG's words for it."""

    label: str
    tone: str
    path: str
    area: str
    last: str


@dataclass(frozen=True, kw_only=True)
class Plot:
    """``ticks`` from the top; ``marks`` are where something happened, in units of the width."""

    key: str
    title: str
    unit: str
    lines: Sequence[Line]
    ticks: Sequence[str]
    marks: Sequence[float]
    summary: str

    @property
    def is_empty(self) -> bool:
        return not any(line.path for line in self.lines)


@dataclass(frozen=True, kw_only=True)
class Window:
    """The time that is drawn; ``step`` is from one sample to the next."""

    since: datetime
    until: datetime
    step: timedelta

    def x(self, moment: datetime) -> float:
        return round(WIDTH * ((moment - self.since) / (self.until - self.since)), 1)

    def ticks(self, count: int = 5) -> list[datetime]:
        return [self.since + (self.until - self.since) * part / (count - 1) for part in range(count)]


def draw(
    window: Window,
    *,
    key: str,
    title: str,
    unit: str,
    series: Sequence[tuple[str, str, Sequence[Point]]],
    marks: Iterable[datetime] = (),
    most: float | None = None,
    write: Callable[[float], str] = lambda value: f"{value:,.0f}",
) -> Plot:
    """``series`` are labels, tones and points; ``most`` is the top of the axis where that is fixed."""
    values = [point.value for *_, points in series for point in points if point.value is not None]
    top = most if most is not None else round_up(max(values, default=0.0))
    lines = [_line(window, label, tone, points, top, write) for label, tone, points in series]
    return Plot(
        key=key,
        title=title,
        unit=unit,
        lines=lines,
        ticks=[write(top), write(top / 2), write(0)],
        marks=[window.x(moment) for moment in marks if window.since <= moment <= window.until],
        summary=_summary(series, unit, write),
    )


def round_up(value: float) -> float:
    """The next number that is 1, 2 or 5 times a power of ten, and 2 at least: half of it is whole."""
    power = 1.0
    while True:
        for factor in (2, 4, 10):
            if value <= factor * power:
                return factor * power
        power *= 10


def _line(
    window: Window,
    label: str,
    tone: str,
    points: Sequence[Point],
    top: float,
    write: Callable[[float], str],
) -> Line:
    path, area = [], []
    for run in _runs(points, window.step):
        placed = [(window.x(at), round(HEIGHT * (1 - min(1.0, value / top)), 1)) for at, value in run]
        if len(placed) == 1:
            # A sample by itself is seen as a short line.
            placed.append(
                (round(placed[0][0] + WIDTH * (window.step / (window.until - window.since)), 1), placed[0][1])
            )
        text = " L".join(f"{x:g} {y:g}" for x, y in placed)
        path.append(f"M{text}")
        area.append(f"M{placed[0][0]:g} {HEIGHT:g} L{text} L{placed[-1][0]:g} {HEIGHT:g} Z")
    known = [point.value for point in points if point.value is not None]
    last = write(known[-1]) if known else ""
    return Line(label=label, tone=tone, path=" ".join(path), area=" ".join(area), last=last)


def _runs(points: Sequence[Point], step: timedelta) -> Iterable[list[tuple[datetime, float]]]:
    """What is known without a gap between."""
    run: list[tuple[datetime, float]] = []
    for point in points:
        if run and (point.value is None or point.at - run[-1][0] > step * HOLES):
            yield run
            run = []
        if point.value is not None:
            run.append((point.at, point.value))
    if run:
        yield run


def _summary(
    series: Sequence[tuple[str, str, Sequence[Point]]], unit: str, write: Callable[[float], str]
) -> str:
    """In words, for who does not see the drawing."""
    said = []
    for label, _, points in series:
        known = [point.value for point in points if point.value is not None]
        if known:
            said.append(
                f"{label}: {write(min(known))} to {write(max(known))} {unit}, at the end {write(known[-1])}."
            )
    return " ".join(said) or "Nothing is known."
