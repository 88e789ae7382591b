"""A site's variables from the command line: the portal is asked as docs/api.md says."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests
from ecdeploy import environment_files
from ecdeploy.failures import RefusedFailure
from ecdeployer.accounts.models import User
from ecdeployer.applications import variables
from hypothesis import given
from hypothesis import strategies as st

from tests import portal_records as records

from .conftest import Ecdeploy, Wire, body_of, made

VALUES = {"DEBUG": "0", "MOTTO": 'it\'s \\ "x"\n\x1b[2J'}


@pytest.fixture
def site(ecdeploy: Ecdeploy, ines: User, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The changes that were asked for; the environment's own endpoint is answered here."""
    records.make_live(ines)
    asked: list[dict[str, Any]] = []
    portal = wire._ask

    def answer(request: requests.PreparedRequest) -> requests.Response:
        if not request.path_url.endswith("/environment"):
            return portal(request)
        if request.method == "PATCH":
            asked.append(json.loads(body_of(request)))
        shown = [{"name": name, "secret": False, "value": value} for name, value in VALUES.items()]
        shown.append({"name": "STRIPE_KEY", "secret": True, "value": None})
        return made(200, json.dumps({"variables": shown}).encode())

    monkeypatch.setattr(wire, "_ask", answer)
    return asked


def test_they_are_listed_without_what_is_secret(ecdeploy: Ecdeploy, site: list[Any]) -> None:
    lines = ecdeploy("env", "list", "-a", "bakery").stdout.splitlines()
    assert lines == ["DEBUG=0", 'MOTTO=it\'s \\ "x"', "STRIPE_KEY=(secret)"]
    assert len(json.loads(ecdeploy("env", "list", "-a", "bakery", "--json").stdout)["variables"]) == 3


def test_setting_and_removing(ecdeploy: Ecdeploy, site: list[Any]) -> None:
    result = ecdeploy(
        "env", "set", "-a", "bakery", "A=1=2", "B=", "KEY", "--secret", "--apply", typed="sk live\n"
    )
    assert result.exit_code == 0
    assert "sk live" not in result.output
    assert ecdeploy("env", "unset", "-a", "bakery", "A").exit_code == 0
    assert ecdeploy("env", "set", "-a", "bakery", "A=1", "A=2").exit_code == 2
    assert ecdeploy("env", "set", "-a", "bakery", "A=1", "--plain").exit_code == 0
    assert site == [
        {
            "set": {"A": "1=2", "B": "", "KEY": "sk live"},
            "secret": ["A", "B", "KEY"],
            "remove": [],
            "apply": True,
        },
        {"set": {}, "remove": ["A"], "apply": False},
        {"set": {"A": "1"}, "plain": ["A"], "remove": [], "apply": False},
    ]


def test_what_is_exported_can_be_imported(ecdeploy: Ecdeploy, site: list[Any], home: Path) -> None:
    exported = ecdeploy("env", "export", "-a", "bakery").stdout
    assert exported.endswith("# STRIPE_KEY is secret\n")
    (home / ".env").write_text(exported)
    assert ecdeploy("env", "import", "-a", "bakery", str(home / ".env")).exit_code == 0
    assert ecdeploy("env", "import", "-a", "bakery", "-", typed=exported).exit_code == 0
    assert [each["set"] for each in site] == [VALUES, VALUES]
    assert ecdeploy("env", "import", "-a", "bakery", "-", typed="# nothing\n").exit_code == 2


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=30))
def test_a_written_value_is_read_as_it_was(value: str) -> None:
    written = environment_files.write({"A": value, "B": "1"})
    assert environment_files.read(written) == variables.parse(written) == {"A": value, "B": "1"}


@pytest.mark.parametrize("text", ["A", "A=1\nA=2", "A='x", "=1", "A B=1"])
def test_a_file_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(RefusedFailure):
        environment_files.read(text)
