from benchmarks import waits
from tests.e2e.visitors import Visit


def visit(at: float, *, status: int = 200, late: float = 0.0) -> Visit:
    return Visit(path="/", at=at, late=late, status=status, body="")


def test_a_row_tells_of_those_who_were_sent_away_and_for_how_long_the_longest() -> None:
    first = [visit(0), visit(1, status=503), visit(4, late=1.5), visit(5), visit(6, status=0), visit(9)]
    second = [visit(0), visit(1, late=0.9)]
    table = waits.render_away({"a reboot": [(7.25, first), (3.0, second)]})
    assert table.splitlines()[-1] == "| a reboot | 8 | 1 | 1 | 0.0 to 5.0 | 3.0 to 7.2 |"
