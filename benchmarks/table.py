"""Medians, ranges and ratios as one table."""

import statistics
from collections.abc import Iterable, Mapping, Sequence

Measured = Mapping[str, float]


def medians(runs: Sequence[Measured]) -> dict[str, float]:
    """Of each name that every run has, in the order of the first."""
    return {
        name: statistics.median(run[name] for run in runs)
        for name in runs[0]
        if all(name in run for run in runs)
    }


def spread(runs: Sequence[Measured], name: str) -> str:
    """Lowest and highest; empty where no run has it."""
    values = [run[name] for run in runs if name in run]
    return span(values) if values else ""


def span(values: Iterable[float], digits: int = 1) -> str:
    """Lowest and highest."""
    ordered = sorted(values)
    return f"{ordered[0]:.{digits}f} to {ordered[-1]:.{digits}f}"


def rows(portal: Sequence[Measured], hand: Sequence[Measured], steps: Sequence[tuple[str, str]]) -> list[str]:
    """Markdown: a row for each step that either has, by its name and label."""
    ours, theirs = medians(portal), medians(hand)
    lines = ["| step | portal, s | range | by hand, s | range |", "|---|---:|---|---:|---|"]
    for name, label in steps:
        if name in ours or name in theirs:
            cells = [
                _number(ours.get(name)),
                spread(portal, name),
                _number(theirs.get(name)),
                spread(hand, name),
            ]
            lines.append(f"| {label} | {' | '.join(cells)} |")
    return lines


def render(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Markdown, with numbers to the right of the first column."""
    rule = ["---", *("---:" for _ in heads[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, rule, *lines))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
