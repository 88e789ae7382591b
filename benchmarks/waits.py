"""What visitors notice of what is done to a site meanwhile."""

import time
from collections.abc import Callable, Mapping, Sequence

from benchmarks import table
from tests.e2e.visitors import Summary, Visit, visitors

#: 1,400 requests: the deed begins after the third second.
SECONDS, BEFORE = 14, 3
RATE = 100
#: How many seconds the deed took, and every visit: of each run.
Measured = Sequence[tuple[float, list[Visit]]]
_HEADS = ["", "requests", "failed", "p50, ms", "p99, ms", "longest wait, s", "seconds"]
_AWAY = ["", "requests", "told to come back", "without an answer", "away, s", "seconds"]
#: A visitor who waits longer than this has noticed.
NOTICED = 1.0


def watch(address: str, deed: Callable[[], float], *, rate: int = RATE) -> tuple[float, list[Visit]]:
    """``deed`` gives its seconds; visitors come before it, while it lasts and until the time is over."""
    ends = time.monotonic() + SECONDS
    with visitors(address, rate=rate) as crowd:
        time.sleep(BEFORE)
        took = deed()
        time.sleep(max(0.0, ends - time.monotonic()))
    return took, crowd.visits


def render(seen: Mapping[str, Measured]) -> str:
    """A row for each deed, by its label."""
    return table.render(_HEADS, [_row(label, measured) for label, measured in seen.items()])


def _row(label: str, measured: Measured) -> list[str]:
    summary = Summary.of([visit for _, visits in measured for visit in visits])
    seconds = [took for took, _ in measured]
    return [
        label,
        f"{summary.requests:,}",
        f"{summary.failed:,}",
        f"{summary.p50 * 1000:.0f}",
        f"{summary.p99 * 1000:.0f}",
        table.span((Summary.of(visits).slowest for _, visits in measured), digits=2),
        table.span(seconds) if any(seconds) else "",
    ]


def render_away(seen: Mapping[str, Measured]) -> str:
    """Of deeds that take a site away: a row for each, by its label.

    Away: from the first visitor who was not answered by the site within a second to the last, by when they
    came: one whose upload was cut short came before.
    """
    return table.render(_AWAY, [_away_row(label, measured) for label, measured in seen.items()])


def _away_row(label: str, measured: Measured) -> list[str]:
    visits = [visit for _, visits in measured for visit in visits]
    return [
        label,
        f"{len(visits):,}",
        f"{sum(visit.status == 503 for visit in visits):,}",
        f"{sum(visit.status not in (200, 503) for visit in visits):,}",
        table.span(_away(visits) for _, visits in measured),
        table.span(took for took, _ in measured),
    ]


def _away(visits: list[Visit]) -> float:
    times = [visit.at for visit in visits if visit.failed or visit.late > NOTICED]
    return max(times) - min(times) if times else 0.0
