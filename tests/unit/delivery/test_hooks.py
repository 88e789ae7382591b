"""The hooks of appspec.yml, each run by bash on a machine that is a folder."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.delivery.machine import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.make()
    return machine


def test_a_machine_and_a_bundle_that_are_well_are_let_through(machine: Machine) -> None:
    done = machine.run("before_install")
    assert done.returncode == 0, done.stdout
    assert (machine.root / "etc/tmpfiles.d/ecdeployer.conf").read_text().startswith("d /run/ecdeployer ")


def of_another_image(machine: Machine) -> None:
    (machine.root / "opt/ecdeployer/venv/bin/uv").unlink()


def without_word_of_itself(machine: Machine) -> None:
    (machine.root / "etc/ecdeployer/portal.json").unlink()


def with_a_broken_word_of_itself(machine: Machine) -> None:
    (machine.root / "etc/ecdeployer/portal.json").write_text('{"region": "eu-west-1"}')


def nearly_full(machine: Machine) -> None:
    machine.stub("df", "echo Avail; echo 999")


def with_a_changed_file(machine: Machine) -> None:
    with (machine.archive / "Procfile").open("a") as file:
        file.write("more: true\n")


def with_an_added_file(machine: Machine) -> None:
    (machine.archive / "ecdeployer/sitecustomize.py").write_text("")


def with_an_added_link(machine: Machine) -> None:
    (machine.archive / "ecdeployer/more.py").symlink_to("/etc/passwd")


def with_added_sums(machine: Machine) -> None:
    (machine.archive / "ecdeployer/SHA256SUMS").write_text("")


def with_a_missing_file(machine: Machine) -> None:
    (machine.archive / "Procfile").unlink()


@pytest.mark.parametrize(
    ("become", "said"),
    [
        (of_another_image, "venv/bin/uv is not here: this machine is not of the golden image"),
        (without_word_of_itself, "portal.json, which the machine's user data writes, is not as it should be"),
        (with_a_broken_word_of_itself, "portal.json, which the machine's user data writes, is not as it"),
        (nearly_full, "The disk has 999 MB left; a release takes up to 1000"),
        (with_a_changed_file, "The bundle is not as it was built"),
        (with_an_added_file, "The bundle is not as it was built"),
        (with_an_added_link, "The bundle is not as it was built"),
        (with_added_sums, "The bundle is not as it was built"),
        (with_a_missing_file, "The bundle is not as it was built"),
    ],
)
def test_what_cannot_become_the_portal_is_refused(
    machine: Machine, become: Callable[[Machine], None], said: str
) -> None:
    become(machine)
    done = machine.run("before_install")
    assert done.returncode == 1
    assert said in done.stdout
    assert not list((machine.root / "etc/tmpfiles.d").iterdir())


def test_a_refusal_names_what_was_added(machine: Machine) -> None:
    with_an_added_file(machine)
    assert "> ./ecdeployer/sitecustomize.py\n" in machine.run("before_install").stdout
