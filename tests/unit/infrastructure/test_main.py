from collections.abc import Callable
from pathlib import Path

import pytest
from moto import mock_aws

from infrastructure import __main__ as program
from infrastructure.terminal import RefusalError
from infrastructure.up import Up
from tests.unit.infrastructure.conftest import Screen

Write = Callable[..., Path]


def test_which_account_it_is_comes_first(
    screen: Screen, parameters_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Up, "run", lambda self: None)
    with mock_aws():
        assert program.main(["up", str(parameters_file())], screen.terminal) == 0
    assert screen.text.startswith("Account 123456789012, region eu-west-1, as arn:aws:sts::")


def test_no_credentials(screen: Screen, parameters_file: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert program.main(["down", str(parameters_file())], screen.terminal) == 1
    assert "Unable to locate credentials. Sign in first" in screen.text


def test_a_profile_that_is_not_there(
    screen: Screen, parameters_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "none")
    assert program.main(["up", str(parameters_file())], screen.terminal) == 1
    assert "AWS_PROFILE names a profile" in screen.text


def test_a_wrong_file_is_said_before_aws_is_asked(screen: Screen, parameters_file: Write) -> None:
    assert program.main(["up", str(parameters_file(machines="0"))], screen.terminal) == 1
    assert "machines: found 0; choose 1 to 10" in screen.text


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (RefusalError("Not now."), 1, "Not now."),
        (KeyboardInterrupt(), 130, "Run the same command again"),
        (KeyboardInterrupt("It goes on."), 130, "It goes on."),
    ],
)
def test_how_it_ends(
    screen: Screen,
    parameters_file: Write,
    monkeypatch: pytest.MonkeyPatch,
    raised: BaseException,
    code: int,
    said: str,
) -> None:
    def run(self: Up) -> None:
        raise raised

    monkeypatch.setattr(Up, "run", run)
    with mock_aws():
        assert program.main(["up", "--yes", str(parameters_file())], screen.terminal) == code
    assert said in screen.text
