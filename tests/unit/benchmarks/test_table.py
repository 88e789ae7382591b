from benchmarks import table

RUNS = [{"clone": 1.0, "boot": 3.0}, {"clone": 3.0}, {"clone": 2.0, "boot": 1.0}]


def test_only_what_every_run_has_gets_a_median() -> None:
    assert table.medians(RUNS) == {"clone": 2.0}


def test_a_row_names_both_sides_and_leaves_out_what_neither_has() -> None:
    steps = [("clone", "clone"), ("install", "install"), ("nothing", "nothing")]
    lines = table.rows(RUNS, [{"clone": 0.5, "install": 1.25}], steps)
    assert lines[2:] == [
        "| clone | 2.00 | 1.0 to 3.0 | 0.50 | 0.5 to 0.5 |",
        "| install |  |  | 1.25 | 1.2 to 1.2 |",
    ]
