import json

import pytest
from ecdeployer.applications import variables
from hypothesis import given
from hypothesis import strategies as st


def test_lines_are_read_as_dotenv_reads_them() -> None:
    text = "# comment\r\nexport A=1\r\n\r\nB='two words'\r\nC=\"line\\nbreak\"\r\nD=\r\n"
    assert variables.parse(text) == {"A": "1", "B": "two words", "C": "line\nbreak", "D": ""}


def test_nothing_is_interpolated() -> None:
    text = "A=$HOME\nB='${A} $(id) `id`'"
    assert variables.parse(text) == {"A": "$HOME", "B": "${A} $(id) `id`"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A", "Line 1: found 'A' without '='"),
        ("A=1\n\nA=2", "Line 3: A is given twice"),
        ("A=1\n1B=2", "Line 2: found the name '1B'"),
        ("PATH=/tmp", "PATH is reserved"),
        ("ld_preload=x", "reserved"),
        ("PYTHONPATH=/tmp", "reserved"),
        ("AWS_SECRET_ACCESS_KEY=x", "reserved"),
        ("A='open", "Line 1 cannot be read"),
        ("A=nul\0", "no environment can hold"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(variables.VariableError) as caught:
        variables.parse(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "name", ["PYTHONUNBUFFERED", "DATABASE_URL", "_A", "AWS_STORAGE_BUCKET_NAME", "PATHS"]
)
def test_names_that_sites_use_are_allowed(name: str) -> None:
    variables.check_name(name)


def test_the_most_that_can_be_kept_is_counted_as_json() -> None:
    fits = "x" * (variables.SIZE_LIMIT - len(json.dumps({"A": ""})))
    assert variables.check({"A": fits}) == {"A": fits}
    with pytest.raises(variables.VariableError, match="30,000 is the most"):
        variables.check({"A": fits + "x"})


def test_a_value_of_another_kind_is_refused() -> None:
    with pytest.raises(variables.VariableError, match="A: found int"):
        variables.check({"A": 1})


@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=200))
def test_a_value_of_a_mapping_is_kept_as_it_is(value: str) -> None:
    assert variables.check({"A": value}) == {"A": value}


def test_a_message_never_carries_what_a_terminal_would_obey() -> None:
    with pytest.raises(variables.VariableError) as caught:
        variables.check({"A\x1b[31m" + "B" * 999: ""})
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 300
