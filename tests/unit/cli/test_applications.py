"""Applications from the command line."""

import json
import subprocess
import webbrowser
from pathlib import Path

import pytest
from click.testing import CliRunner
from ecdeploy.applications import repository_of
from ecdeploy.main import main
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application

from tests import portal_records as records

from .conftest import Ecdeploy, Wire


def test_none_yet(ecdeploy: Ecdeploy) -> None:
    result = ecdeploy("apps")
    assert (result.exit_code, result.stdout) == (0, "")
    assert json.loads(ecdeploy("apps", "--json").stdout) == {"applications": []}


def test_all_of_them_are_listed(ecdeploy: Ecdeploy, ines: User) -> None:
    records.make_every_state(ines)
    lines = ecdeploy("apps").stdout.splitlines()
    assert lines[0].split() == ["NAME", "STATUS", "ADDRESS", "REPOSITORY"]
    assert len(lines) == 1 + len(records.EVERY_STATE)
    queued = ecdeploy("apps", "--status", "queued", "--json")
    assert [each["name"] for each in json.loads(queued.stdout)["applications"]] == ["library"]
    assert ecdeploy("apps", "--status", "blue").exit_code == 2


def test_every_state_is_shown(ecdeploy: Ecdeploy, ines: User) -> None:
    for name, deployment in records.make_every_state(ines).items():
        shown = ecdeploy("status", "--app", name)
        assert shown.exit_code == 0
        assert shown.stdout.startswith(f"{name}: {deployment.application.status}\n")
        assert deployment.reason in shown.stdout
        assert json.loads(ecdeploy("status", "-a", str(deployment.application_id), "--json").stdout)["steps"]


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/example/bakery",
        "https://github.com/Example/bakery.git/",
        "git@github.com:example/bakery.git",
        "ssh://git@github.com:22/example/bakery",
        "https://token@github.com/example/bakery",
    ],
)
def test_a_repository_is_one_however_it_is_written(url: str) -> None:
    assert repository_of(url) == "github.com/example/bakery"


def clone(url: str) -> None:
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", "remote", "add", "origin", url], check=True)


def test_a_directory_tells_its_application(ecdeploy: Ecdeploy, ines: User) -> None:
    assert ecdeploy("status").exit_code == 2
    clone("git@github.com:example/bakery.git")
    assert "None of yours" in ecdeploy("status").stderr
    records.make_live(ines)
    records.make_live(ines, "other")
    assert ecdeploy("status").stdout.startswith("bakery: live\n")
    records.make_application(ines, "second", github_url="https://github.com/example/bakery")
    ambiguous = ecdeploy("status")
    assert ambiguous.exit_code == 2
    assert "second of ines" in ambiguous.stderr


def test_an_application_that_there_is_not(ecdeploy: Ecdeploy, ines: User) -> None:
    other = records.make_live(records.make_person("rui"), "theirs")
    assert ecdeploy("status", "-a", "theirs").exit_code == 2
    refused = ecdeploy("status", "-a", str(other.application_id))
    assert (refused.exit_code, refused.stderr) == (2, "No application of yours has this address.\n")


def test_registering_takes_the_fields_of_the_page(ecdeploy: Ecdeploy, home: Path) -> None:
    (home / "env").write_text("STRIPE_KEY='sk live'\nexport EMPTY=\n# no more\n")
    result = ecdeploy(
        "create", "mysite", "https://github.com/example/site", "--name", "shop", "--branch", "main",
        "--env-file", str(home / "env"), "--no-follow", "--json",
    )  # fmt: skip
    assert result.exit_code == 0
    application = Application.objects.get()
    assert json.loads(result.stdout)["id"] == str(application.pk)
    assert (application.name, application.branch) == ("shop", "main")
    assert dict(application.environment.values_list("name", "value")) == {
        "STRIPE_KEY": "sk live",
        "EMPTY": "",
    }
    assert "sk live" not in result.output


def test_ending_an_application_is_asked_for_by_name(
    ecdeploy: Ecdeploy, ines: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    application = records.make_live(ines).application
    assert "--yes" in ecdeploy("terminate", "-a", "bakery").stderr
    monkeypatch.setattr("ecdeploy.terminal.is_interactive", lambda: True)
    assert ecdeploy("terminate", "-a", "bakery", typed="backery\n").exit_code == 2
    assert ecdeploy("terminate", "-a", "bakery", typed="").exit_code == 130
    application.refresh_from_db()
    assert application.terminate_requested_at is None
    assert ecdeploy("terminate", "-a", "bakery", typed="bakery\n").exit_code == 0
    application.refresh_from_db()
    assert application.terminate_requested_at
    assert ecdeploy("terminate", "-a", "bakery", "--yes").exit_code == 2


def test_opening_goes_to_addresses_of_sites_alone(
    ecdeploy: Ecdeploy, ines: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    live = records.make_live(ines)
    assert ecdeploy("open", "-a", "bakery").exit_code == 0
    assert ecdeploy("open", "-a", "bakery", "--page").exit_code == 0
    assert opened[0] == f"http://{live.instance.public_ip}/"
    assert opened[1].endswith(live.application.get_absolute_url())
    records.make_queued(ines)
    assert ecdeploy("open", "-a", "library").exit_code == 2
    assert len(opened) == 2


def test_names_are_completed(
    ecdeploy: Ecdeploy, ines: User, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    records.make_every_state(ines)
    monkeypatch.setenv("_ECDEPLOY_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "ecdeploy status -a libr")
    monkeypatch.setenv("COMP_CWORD", "3")
    result = CliRunner().invoke(main, prog_name="ecdeploy")
    assert result.stdout == "plain,library\n"


def test_what_is_named_is_changed(ecdeploy: Ecdeploy, ines: User) -> None:
    application = records.make_live(ines).application
    result = ecdeploy("set", "-a", "bakery", "--branch", "develop", "--confirm-migrations")
    assert result.stdout == "branch = develop; confirm_migrations = True\n"
    application.refresh_from_db()
    assert (application.branch, application.confirm_migrations) == ("develop", True)
    assert ecdeploy("set", "-a", "bakery", "--branch", "develop").stdout == "Nothing had to change.\n"
    assert ecdeploy("set", "-a", "bakery").exit_code == 2
    wrong = ecdeploy("set", "-a", "bakery", "--branch", "a b")
    assert wrong.exit_code == 2
    assert "branch" in wrong.stderr


def test_maintenance_is_switched_and_shown(ecdeploy: Ecdeploy, ines: User) -> None:
    application = records.make_live(ines).application
    on = ecdeploy(
        "maintenance",
        "on",
        "-a",
        "bakery",
        "--retry-after",
        "10m",
        "--message",
        "Soon",
        "--allow",
        "10.0.0.1",
    )
    assert on.stdout == "Maintenance is on; the machine has not confirmed it yet.\n"
    assert ecdeploy("maintenance", "around", "on", "-a", "bakery").exit_code == 0
    shown = ecdeploy("maintenance", "show", "-a", "bakery").stdout
    assert "600 s" in shown
    assert "10.0.0.1/32" in shown
    assert "around migrations" in shown
    assert ecdeploy("maintenance", "off", "-a", "bakery").stdout.startswith("Maintenance is off")
    assert json.loads(ecdeploy("maintenance", "show", "-a", "bakery", "--json").stdout)["message"] == "Soon"
    wrong = ecdeploy("maintenance", "on", "-a", "bakery", "--retry-after", "soon")
    assert wrong.exit_code == 2
    assert application.pk
