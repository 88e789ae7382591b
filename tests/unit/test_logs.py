"""What stands in a log line, and what never does."""

import json
import logging
import sys

import pytest
from ecdeployer.redaction import HIDDEN

from ecdeployer import logs

SECRET = "hunter2-hunter2-hunter2"


def record(message: str, *arguments: object, exc_info: bool = False) -> logging.LogRecord:
    info = sys.exc_info() if exc_info else None
    return logging.LogRecord("room", logging.WARNING, __file__, 1, message, arguments, info)


@pytest.fixture
def line() -> logs.Redacting:
    return logs.Redacting("{levelname} {message}{ids}", style="{")


def test_the_operators_own_secrets_are_hidden_wherever_they_stand(
    line: logs.Redacting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs.Redacting, "secrets", [SECRET])
    try:
        raise ValueError(f"it was {SECRET}")
    except ValueError:
        made = record("found %s", SECRET, exc_info=True)
    text = line.format(made)
    assert SECRET not in text
    assert "ValueError: it was [hidden]" in text
    assert made.exc_info is not None  # Others see the record as it was.


def test_the_secrets_of_what_is_worked_on_are_hidden_until_it_is_done(line: logs.Redacting) -> None:
    with logs.bound(deployment="d1"):
        logs.hide(["first line\nsecond line", "true"])
        assert line.format(record("x second line, first line, true")) == (
            "WARNING x [hidden], [hidden], true deployment=d1"
        )
    assert line.format(record("second line")) == "WARNING second line"


def test_what_others_wrote_of_an_exception_and_the_stack_is_redacted(line: logs.Redacting) -> None:
    made = record("x")
    made.exc_text, made.stack_info = "ValueError: token=0123456789", "at password=abc"
    assert line.format(made) == "WARNING x\n  ValueError: token=[hidden]\n  at password=[hidden]"


@pytest.mark.parametrize("kind", [logs.Redacting, logs.JsonLine])
def test_no_part_of_a_record_tells_a_secret(
    kind: type[logs.Redacting], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs.Redacting, "secrets", [SECRET])
    formatter = kind("{message} {extra} {password}", style="{")
    try:
        raise KeyError(SECRET)
    except KeyError:
        made = record("found %s", [SECRET], exc_info=True)
    made.__dict__.update(
        extra={"url": f"https://{SECRET}@x/", "deep": [{"authorization": "short"}]}, password="abc"
    )
    text = formatter.format(made)
    assert SECRET not in text
    assert "short" not in text
    assert "abc" not in text
    assert text.count(HIDDEN) >= 5


def test_a_message_is_one_line(line: logs.Redacting) -> None:
    assert line.format(record("a\nERROR forged\r\nb")) == r"WARNING a\nERROR forged\r\nb"


def test_ids_stand_on_every_line(line: logs.Redacting) -> None:
    with logs.bound(request="r1"), logs.bound(deployment="d1"):
        assert line.format(record("x")) == "WARNING x request=r1 deployment=d1"
    assert line.format(record("x")) == "WARNING x"


def test_a_line_can_be_an_object() -> None:
    formatter = logs.JsonLine("{levelname}{message}", style="{", rename_fields={"levelname": "level"})
    with logs.bound(instance="i1"):
        found = json.loads(formatter.format(record("a\nb Bearer abcdefghijkl")))
    assert found == {"level": "WARNING", "message": r"a\nb Bearer [hidden]", "instance": "i1"}
