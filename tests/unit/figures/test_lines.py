from datetime import UTC, datetime

import pytest
from ecdeployer.figures import lines
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
MINUTE = lines.minute_of(NOW)


def line(minute: int, rest: str = "12.5 40.0 99.9 10 2 5 100") -> str:
    return f"{minute} {rest}"


def test_a_line_is_read() -> None:
    [found] = lines.read(line(MINUTE), after=0, now=NOW)
    assert found == lines.Reading(
        minute=MINUTE, processor=12.5, memory=40.0, disk=99.9, requests=10, errors=2, median=5, slow=100
    )
    assert found.at == NOW


def test_a_minute_without_requests_has_no_times() -> None:
    [found] = lines.read(line(MINUTE, "1.0 1.0 1.0 0 0 - -"), after=0, now=NOW)
    assert (found.median, found.slow) == (None, None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "----------ERROR-------",
        line(MINUTE) + " 1",
        line(MINUTE, "nan 1.0 1.0 1 1 1 1"),
        line(MINUTE, "1e9 1.0 1.0 1 1 1 1"),
        line(MINUTE, "-1.0 1.0 1.0 1 1 1 1"),
        line(MINUTE, "1.0 1.0 1.0 1 1 9999999 1"),
        line(MINUTE, "1.0 1.0 1.0 99999999999 1 1 1"),
        line(MINUTE, "\u0661.0 1.0 1.0 1 1 1 1"),
        line(MINUTE)[:-20],
        line(MINUTE + 1),
        line(MINUTE - lines.KEPT - 1),
        line(999_999_999),
    ],
)
def test_what_is_no_line_or_of_no_time_that_can_be_is_left_out(text: str) -> None:
    assert lines.read(text, after=0, now=NOW) == []


def test_only_what_is_new_and_each_minute_once() -> None:
    text = "\n".join(line(MINUTE - back) for back in (1, 3, 2, 2))
    found = lines.read(text, after=MINUTE - 3, now=NOW)
    assert [each.minute for each in found] == [MINUTE - 2, MINUTE - 1]


def test_numbers_that_cannot_be_are_bounded() -> None:
    [found] = lines.read(line(MINUTE, "999.9 100.1 0.0 5 900000000 1 1"), after=0, now=NOW)
    assert (found.processor, found.memory, found.requests, found.errors) == (100.0, 100.0, 5, 5)


@given(st.text())
def test_nothing_that_a_machine_prints_is_an_error(text: str) -> None:
    lines.read(text, after=0, now=NOW)
