"""A cron expression of five fields in systemd's words, in UTC. What cannot be said exactly is refused."""

import calendar
import re
from collections.abc import Sequence

from celery.schedules import ParseException, crontab_parser

LONGEST = 100
#: Names, how many values there are, and the first of them.
_FIELDS = (("minute", 60, 0), ("hour", 24, 0), ("day", 31, 1), ("month", 12, 1), ("weekday", 7, 0))
_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_LEAP_YEAR = 2024


class CalendarError(ValueError):
    """What was found, and what to do; for the person."""


def read(expression: str) -> str:
    """``*/15 2 * * mon-fri`` as ``Mon,Tue,Wed,Thu,Fri *-*-* 02:00,15,30,45:00 UTC``. Raises CalendarError."""
    words = expression.split()
    if len(expression) > LONGEST or len(words) != len(_FIELDS):
        raise CalendarError(
            f"Found {len(words)} words. A schedule has five: minute, hour, day, month, weekday."
        )
    minutes, hours, days, months, weekdays = (
        _values(word, *field) for word, field in zip(words, _FIELDS, strict=True)
    )
    if days and weekdays:
        raise CalendarError(
            "Found a day and a weekday: cron runs it on either. Make two schedules, with a * for one of them."
        )
    _refuse_never(days, months)
    names = ",".join(_DAYS[number] for number in weekdays)
    date = f"*-{_list(months)}-{_list(days)}"
    return " ".join(filter(None, (names, date, f"{_list(hours)}:{_list(minutes)}:00", "UTC")))


def _values(word: str, name: str, many: int, first: int) -> Sequence[int]:
    """In order; empty for all of them."""
    if not re.fullmatch(r"[0-9a-z*,/-]+", word.lower(), re.ASCII):
        raise CalendarError(f"Found {word[:40]!r} as the {name}. Write numbers, and *, /, - and commas.")
    if name == "weekday" and re.search(r"(?<![0-9/])7", word):
        raise CalendarError("Found 7 as the weekday. Write 0 for Sunday, or sun.")
    try:
        found = crontab_parser(many, first).parse(word.lower())
    except (ParseException, ValueError, RecursionError, OverflowError, MemoryError) as error:
        last = first + many - 1
        raise CalendarError(
            f"Found {word[:40]!r} as the {name}. Write numbers from {first} to {last}, *, */5, 1-5 or 1,2."
        ) from error
    return [] if len(found) == many else sorted(found)


def _refuse_never(days: Sequence[int], months: Sequence[int]) -> None:
    longest = max(calendar.monthrange(_LEAP_YEAR, month)[1] for month in months or range(1, 13))
    if days and min(days) > longest:
        raise CalendarError(f"Found day {min(days)} of a month that has {longest}. It would never run.")


def _list(values: Sequence[int]) -> str:
    return ",".join(f"{value:02}" for value in values) or "*"
