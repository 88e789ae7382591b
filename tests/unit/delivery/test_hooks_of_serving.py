"""The hooks that stop, start and ask the portal, run by bash on a machine that is a folder."""

import json
from pathlib import Path

import pytest

from tests.unit.delivery.machine import COMMIT, Machine


def test_a_machine_that_stays_stops_nothing(machine: Machine) -> None:
    machine.serve("000007")
    for state in ("exit 22", "echo InService"):
        machine.stub("curl", state)
        done = machine.run("application_stop")
        assert done.returncode == 0, done.stdout
        assert "Release 000007 goes on serving." in done.stdout
    assert not [call for call in machine.calls if call.startswith("supervisorctl")]


def test_a_machine_that_auto_scaling_ends_stops_all(machine: Machine) -> None:
    machine.stub("curl", "case $* in *-X\\ PUT*) echo a-token ;; *a-token*) echo Terminated ;; esac")
    assert machine.run("application_stop").returncode == 0
    assert machine.calls[-1] == "supervisorctl stop all"


@pytest.fixture
def placed(installed: Machine) -> Machine:
    """Release 000007 serves, and AfterInstall of the next one has been."""
    installed.serve("000007")
    (installed.root / "srv/ecdeployer/releases/000007").mkdir(parents=True)
    assert installed.run("after_install").returncode == 0
    return installed


def deploying(machine: Machine, script: str) -> None:
    """What deploy.sh does from here on, given the document; it notes that it was called."""
    path = machine.scripts / "deploy.sh"
    path.write_text(f'echo "deploy.sh $*" >>{machine.root}/calls\n{script}\n')


def test_a_release_that_is_not_brought_live_says_why_and_what_serves(placed: Machine) -> None:
    lines = "\n".join(f"line {number}" for number in range(1, 31))
    logs = placed.root / "var/log/ecdeployer"
    deploying(placed, f'folder={logs}/$(basename "$1" .json); mkdir "$folder"\n'
              f"echo '{lines}' >\"$folder/migrate.log\"; exit 3")  # fmt: skip
    done = placed.run("application_start")
    assert done.returncode == 1
    assert "line 26\nline 27\nline 28\nline 29\nline 30\n" in done.stdout
    assert "line 25\n" not in done.stdout
    assert done.stdout.endswith("The release was not brought live; release 000007 serves\n")


def test_a_release_is_brought_live_by_its_document(placed: Machine) -> None:
    assert placed.run("application_start").returncode == 0
    [call] = [call for call in placed.calls if call.startswith("deploy.sh")]
    document = json.loads(Path(call.split()[1]).read_text())
    assert (document["release"], document["commit"], document["rollback_to"]) == ("000008", COMMIT, "")
    assert Path(call.split()[1]).stat().st_mode & 0o777 == 0o600


def ask_a_file(machine: Machine) -> None:
    """In place of /readyz, for a second."""
    hook = machine.archive / "scripts/hooks/validate_service"
    text = hook.read_text()
    changes = {
        "http://127.0.0.1/readyz": f"file://{machine.root}/readyz",
        "=90": "=1",
        "sleep(1)": "sleep(0.2)",
    }
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    hook.write_text(text)


@pytest.fixture
def started(placed: Machine) -> Machine:
    """The next release serves."""
    assert placed.run("application_start").returncode == 0
    placed.serve("000008")
    ask_a_file(placed)
    return placed


def answer(machine: Machine, commit: str) -> None:
    (machine.root / "readyz").write_text(json.dumps({"state": "ok", "release": {"commit": commit}}))


def test_a_portal_that_is_this_commit_stays(started: Machine) -> None:
    answer(started, COMMIT)
    calls = started.calls
    done = started.run("validate_service")
    assert done.returncode == 0, done.stdout
    assert f'"commit": "{COMMIT}"' in done.stdout
    assert started.calls == calls


def test_what_served_before_serves_again_when_another_commit_answers(started: Machine) -> None:
    answer(started, "d" * 40)
    link = started.root / "etc/nginx/sites-enabled/ecdeployer.conf"
    deploying(started, f"ln -sfn /etc/ecdeployer/nginx/000007.conf {link}")
    done = started.run("validate_service")
    assert done.returncode == 1
    assert f"Not ready as {COMMIT} after 1 s" in done.stdout
    assert "d" * 40 in done.stdout
    assert done.stdout.endswith("The release is not what it should be; release 000007 serves\n")
    document = started.document()
    assert (document["release"], document["rollback_to"]) == ("000007", "000007")
    assert started.calls[-1] == f"deploy.sh {started.kept}/{document['deployment']}.json"


def test_a_way_back_that_fails_is_said_too(started: Machine) -> None:
    deploying(started, "echo 'nginx: no'; exit 1")
    done = started.run("validate_service")
    assert done.returncode == 1
    assert "nginx: no" in done.stdout
    assert done.stdout.endswith("release 000008 serves\n")


def test_a_first_deployment_has_nothing_to_go_back_to(installed: Machine) -> None:
    for hook in ("after_install", "application_start"):
        assert installed.run(hook).returncode == 0
    installed.serve("000001")
    ask_a_file(installed)
    calls = installed.calls
    done = installed.run("validate_service")
    assert done.returncode == 1
    assert "URLError" in done.stdout
    assert done.stdout.endswith("release 000001 serves\n")
    assert installed.calls == calls


def test_a_release_that_never_served_is_not_gone_back_from(started: Machine) -> None:
    """Its ApplicationStart has left the one before where it was."""
    started.serve("000007")
    calls = started.calls
    assert started.run("validate_service").returncode == 1
    assert started.calls == calls
