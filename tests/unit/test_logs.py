"""What stands in a log line, and what never does."""

import json
import logging
import sys

import pytest

from ecdeployer import logs

SECRET = "hunter2-hunter2-hunter2"


def record(message: str, *arguments: object, exc_info: bool = False) -> logging.LogRecord:
    info = sys.exc_info() if exc_info else None
    return logging.LogRecord("room", logging.WARNING, __file__, 1, message, arguments, info)


@pytest.fixture
def line() -> logs.Redacting:
    return logs.Redacting("{levelname} {message}{ids}", style="{")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abcdefghijklmnop", "Authorization: Bearer [hidden]"),
        ("postgres://me:opensesame@db/name", "postgres://me:[hidden]@db/name"),
        ("https://me:p:w@host/", "https://me:[hidden]@host/"),
        ("key AKIAIOSFODNN7EXAMPLE.", "key [hidden]."),
        ("password='correct-horse'", "password='[hidden]'"),
        ('{"token": "0123456789abcdef"}', '{"token": "[hidden]"}'),
        ("token ecd_0123456789abcdefXYZ ok", "token [hidden] ok"),
        ("the password required elsewhere", "the password required elsewhere"),
        (
            "i-0123456789abcdef0 runs at http://10.0.0.1:8000/",
            "i-0123456789abcdef0 runs at http://10.0.0.1:8000/",
        ),
    ],
)
def test_what_looks_like_a_secret_is_hidden(line: logs.Redacting, text: str, shown: str) -> None:
    assert line.format(record("%s", text)) == f"WARNING {shown}"


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


def test_what_goes_to_sentry_is_redacted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs.Redacting, "secrets", [SECRET])
    assert logs.redact_event({"message": f"it was {SECRET}"}, {}) == {"message": "it was [hidden]"}
    event = {"message": "Bearer abcdefghijkl", "extra": {"list": ["AKIAIOSFODNN7EXAMPLE", 3]}}
    assert logs.redact_event(event, {}) == {
        "message": "Bearer [hidden]",
        "extra": {"list": ["[hidden]", 3]},
    }
