from datetime import UTC, datetime, timedelta

import pytest
from ecdeployer.figures.plots import Point, Window, draw, round_up

SINCE = datetime(2026, 11, 26, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WINDOW = Window(since=SINCE, until=SINCE + 10 * MINUTE, step=MINUTE)


def points(*values: float | None) -> list[Point]:
    return [Point(SINCE + number * MINUTE, value) for number, value in enumerate(values)]


def test_numbers_become_a_line_from_left_to_right_and_bottom_to_top() -> None:
    plot = draw(WINDOW, key="k", title="T", unit="%", series=[("Use", "good", points(0, 50, 100))], most=100)
    [line] = plot.lines
    assert line.path == "M0 100 L100 50 L200 0"
    assert line.area == "M0 100 L0 100 L100 50 L200 0 L200 100 Z"
    assert (plot.ticks, line.last) == (["100", "50", "0"], "100")
    assert plot.summary == "Use: 0 to 100 %, at the end 100."


def test_a_gap_is_a_gap() -> None:
    series = [("Use", "good", [*points(1, 1), *points(*[None] * 5, 1, 1)[5:]])]
    [line] = draw(WINDOW, key="k", title="T", unit="%", series=series, most=100).lines
    assert line.path.count("M") == 2
    unknown = draw(WINDOW, key="k", title="T", unit="%", series=[("Use", "good", points(1, 1, None, 1, 1))])
    assert unknown.lines[0].path.count("M") == 2


def test_one_sample_by_itself_is_seen() -> None:
    [line] = draw(WINDOW, key="k", title="T", unit="%", series=[("Use", "good", points(5))], most=10).lines
    assert line.path == "M0 50 L100 50"


def test_nothing_is_drawn_of_nothing() -> None:
    plot = draw(WINDOW, key="k", title="T", unit="ms", series=[("Use", "good", [])])
    assert plot.is_empty
    assert plot.summary == "Nothing is known."


def test_what_happened_is_marked_where_it_is_in_sight() -> None:
    moments = [SINCE - MINUTE, SINCE + 5 * MINUTE]
    assert draw(WINDOW, key="k", title="T", unit="%", series=[], marks=moments).marks == [500.0]


@pytest.mark.parametrize(
    ("value", "top"), [(0, 2), (2, 2), (3, 4), (7, 10), (11, 20), (250, 400), (999, 1000), (1e9, 1e9)]
)
def test_the_axis_ends_at_a_number_that_has_a_half(value: float, top: float) -> None:
    assert round_up(value) == top
