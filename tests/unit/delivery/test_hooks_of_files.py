"""The hooks that put a bundle on the disk, run by bash on a machine that is a folder."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.delivery.machine import Machine


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


#: In place of mv: notes whether there was something to put the file over.
NOTING_MV = """\
target=${@: -1}
[[ -e $target ]] && echo "over $target" >>"$0.log" || echo "anew $target" >>"$0.log"
PATH=${PATH#*:} exec mv "$@"
"""


def test_scripts_come_into_their_place_whole_and_nothing_else_goes(installed: Machine) -> None:
    installed.scripts.mkdir(parents=True)
    (installed.scripts / "of_an_older_release.py").touch()
    done = installed.run("after_install")
    assert done.returncode == 0, done.stdout
    files = {str(path.relative_to(installed.scripts)) for path in installed.scripts.rglob("*.*")}
    assert files == {"deploy.sh", "more/words.py", "of_an_older_release.py"}
    assert sorted(path.name for path in installed.scripts.parent.iterdir()) == ["user_data", "venv"]
    manage = installed.root / "usr/local/bin/portal-manage"
    assert [path.name for path in manage.parent.iterdir()] == [manage.name]
    assert manage.stat().st_mode & 0o777 == 0o755


def test_a_script_is_never_missing_while_the_next_one_comes(installed: Machine) -> None:
    installed.run("after_install")
    (installed.bundle / "user_data/more/words.py").write_text("WORDS = 2\n")
    installed.stub("mv", NOTING_MV)
    with (installed.scripts / "more/words.py").open() as running:
        assert installed.run("after_install").returncode == 0
        assert running.read() == "WORDS = 1\n"
    assert (installed.scripts / "more/words.py").read_text() == "WORDS = 2\n"
    moved = (installed.root / "stubs/mv.log").read_text().splitlines()
    manage = installed.root / "usr/local/bin/portal-manage"
    for path in (installed.scripts / "deploy.sh", installed.scripts / "more/words.py", manage):
        assert any(Path(line.removeprefix("over ")) == path for line in moved), moved


def test_what_an_interrupted_unpacking_left_is_not_taken_along(installed: Machine) -> None:
    left = installed.scripts.with_suffix(".new")
    left.mkdir(parents=True)
    (left / "half.py").touch()
    assert installed.run("after_install").returncode == 0
    assert not left.exists()
    assert not (installed.scripts / "half.py").exists()


def release_of(machine: Machine, deployment: str) -> str:
    """That after_install gives it."""
    done = machine.run("after_install", deployment=deployment)
    assert done.returncode == 0, done.stdout
    return str(machine.document()["release"])


def test_a_hook_that_is_run_again_gives_the_same_number_and_each_deployment_has_its_own(
    installed: Machine,
) -> None:
    given = [release_of(installed, deployment) for deployment in ("d-1", "d-1", "d-2", "d-1")]
    assert given == ["000001", "000001", "000002", "000001"]


def test_numbers_go_on_above_releases_that_are_there(installed: Machine) -> None:
    for name in ("000008", "000041", "100.part"):
        (installed.root / "srv/ecdeployer/releases" / name).mkdir(parents=True)
    assert release_of(installed, "d-1") == "000042"


def test_an_empty_number_of_a_hook_that_was_killed_is_mended(installed: Machine) -> None:
    release_of(installed, "d-1")
    release_of(installed, "d-2")
    [second] = [path for path in installed.kept.glob("*.release") if path.read_text() == "000002\n"]
    second.write_text("")
    assert release_of(installed, "d-2") == "000002"


@pytest.mark.parametrize(("hook", "file"), [("after_install", "release"), ("application_start", "previous")])
def test_a_hook_that_is_killed_while_it_writes_leaves_nothing_that_counts(
    installed: Machine, hook: str, file: str
) -> None:
    installed.serve("000007")
    installed.run("after_install", deployment="d-0")
    installed.stub("mv", f'[[ ${{@: -1}} == *.{file} ]] && exit 137\nPATH=${{PATH#*:}} exec mv "$@"')
    before = set(installed.kept.glob(f"*.{file}"))
    assert installed.run(hook).returncode != 0
    assert set(installed.kept.glob(f"*.{file}")) == before
    (installed.root / "stubs/mv").unlink()
    assert installed.run(hook).returncode == 0
    [written] = set(installed.kept.glob(f"*.{file}")) - before
    assert written.read_text() == {"release": "000002\n", "previous": "000007\n"}[file]
    assert not list(installed.kept.glob("*.new"))
