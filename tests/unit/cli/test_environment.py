"""A site's variables from the command line."""

import json
from pathlib import Path

import pytest
from ecdeploy import environment_files
from ecdeploy.failures import RefusedFailure
from ecdeployer.accounts.models import User
from ecdeployer.applications import variables
from ecdeployer.applications.models import Application, EnvironmentVariable
from hypothesis import given
from hypothesis import strategies as st

from tests import portal_records as records

from .conftest import Ecdeploy

VALUES = {"DEBUG": "0", "MOTTO": 'it\'s \\ "x"\n\x1b[2J'}


@pytest.fixture
def site(ines: User) -> Application:
    """It has two variables that may be read, and a secret."""
    application = records.make_live(ines).application
    EnvironmentVariable.objects.bulk_create(
        EnvironmentVariable(application=application, name=name, value=value, secret=False)
        for name, value in VALUES.items()
    )
    return application


def held(site: Application) -> dict[str, tuple[str, bool]]:
    """Value and secrecy of every variable, by name."""
    return {each.name: (each.value, each.secret) for each in site.environment.all()}


def test_they_are_listed_without_what_is_secret(ecdeploy: Ecdeploy, site: Application) -> None:
    lines = ecdeploy("env", "list", "-a", "bakery").stdout.splitlines()
    assert lines == ["DEBUG=0", 'MOTTO=it\'s \\ "x"', "STRIPE_KEY=(secret)"]
    assert len(json.loads(ecdeploy("env", "list", "-a", "bakery", "--json").stdout)["variables"]) == 3


def test_setting_and_removing(ecdeploy: Ecdeploy, site: Application) -> None:
    result = ecdeploy(
        "env", "set", "-a", "bakery", "A=1=2", "B=", "KEY", "--secret", "--apply", typed="sk live\n"
    )
    assert result.exit_code == 0, result.output
    assert "sk live" not in result.output
    given = {name: (value, True) for name, value in {"A": "1=2", "B": "", "KEY": "sk live"}.items()}
    assert held(site).items() >= given.items()
    assert site.deployments.filter(again=True).count() == 1
    assert ecdeploy("env", "unset", "-a", "bakery", "B").exit_code == 0
    assert "B" not in held(site)
    assert ecdeploy("env", "set", "-a", "bakery", "A=1", "A=2").exit_code == 2
    assert ecdeploy("env", "set", "-a", "bakery", "A=1", "--plain").exit_code == 0
    assert held(site)["A"] == ("1", False)


def test_what_is_exported_can_be_imported(ecdeploy: Ecdeploy, site: Application, home: Path) -> None:
    exported = ecdeploy("env", "export", "-a", "bakery").stdout
    assert exported.endswith("# STRIPE_KEY is secret\n")
    (home / ".env").write_text(exported)
    for source, typed in ((str(home / ".env"), ""), ("-", exported)):
        site.environment.filter(secret=False).delete()
        assert ecdeploy("env", "import", "-a", "bakery", source, typed=typed).exit_code == 0
        assert {name: value for name, (value, _) in held(site).items() if name in VALUES} == VALUES
    assert ecdeploy("env", "import", "-a", "bakery", "-", typed="# nothing\n").exit_code == 2


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=30))
def test_a_written_value_is_read_as_it_was(value: str) -> None:
    written = environment_files.write({"A": value, "B": "1"})
    assert environment_files.read(written) == variables.parse(written) == {"A": value, "B": "1"}


@pytest.mark.parametrize("text", ["A", "A=1\nA=2", "A='x", "=1", "A B=1"])
def test_a_file_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(RefusedFailure):
        environment_files.read(text)
