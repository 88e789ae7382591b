"""What machines print of their figures, read: a machine is not believed, its numbers are."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

#: As ``user_data/figures.py`` keeps them.
KEPT = 8 * 24 * 60
_MOST = 2**31 - 1
_LINE = re.compile(
    r"(\d{1,9}) (\d{1,3}\.\d) (\d{1,3}\.\d) (\d{1,3}\.\d) (\d{1,9}) (\d{1,9}) (\d{1,6}|-) (\d{1,6}|-)",
    re.ASCII,
)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One line; ``minute`` counts from 1970."""

    minute: int
    processor: float
    memory: float
    disk: float
    requests: int
    errors: int
    median: int | None
    slow: int | None

    @property
    def at(self) -> datetime:
        return moment(self.minute)


def moment(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, tz=UTC)


def minute_of(moment: datetime) -> int:
    return int(moment.timestamp() // 60)


def read(text: str, *, after: int, now: datetime) -> list[Reading]:
    """The lines of minutes after that one, in their order; none from the future, and none twice."""
    latest, earliest = minute_of(now), minute_of(now) - KEPT
    found = {
        each.minute: each for each in _readings(text) if max(after + 1, earliest) <= each.minute <= latest
    }
    return [found[minute] for minute in sorted(found)]


def _readings(text: str) -> Iterator[Reading]:
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        uses = [min(100.0, float(match[at])) for at in (2, 3, 4)]
        requests = min(_MOST, int(match[5]))
        median, slow = (None if match[at] == "-" else int(match[at]) for at in (7, 8))
        yield Reading(
            minute=int(match[1]),
            processor=uses[0],
            memory=uses[1],
            disk=uses[2],
            requests=requests,
            errors=min(requests, int(match[6])),
            median=median,
            slow=slow,
        )
