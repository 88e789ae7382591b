"""The functions of disk.sh, in a folder."""

import json
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "user_data" / "disk.sh"
FRAME = """\
set -euo pipefail
root=$1 etc=$1/etc state=$1 logs=$1 home=$1/releases/000009 link_mode=symlink previous=$1/000002.conf
release_of() { echo 000002; }
source "$2"
forget_records() { :; }
"""


def run(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-c", FRAME + script, "bash", str(folder), str(SCRIPT)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Nine releases: the second serves, the fifth never did, the ninth is being made and shares packages."""
    for number in range(1, 10):
        release = tmp_path / "releases" / f"00000{number}"
        release.mkdir(parents=True)
        venv = tmp_path / "venvs" / f"00000{number}"
        venv.mkdir(parents=True)
        (release / "venv").symlink_to(f"../../venvs/00000{8 if number == 9 else number}")
        if number not in (5, 9):
            (release / "kept").write_text("100 5000\n")
    return tmp_path


def names(folder: Path) -> str:
    return " ".join(sorted(path.name[-1] for path in folder.iterdir()))


@pytest.mark.parametrize(
    ("kept", "releases", "venvs"),
    [(5, "2 3 4 6 7 8 9", "2 3 4 6 7 8"), (1, "2 8 9", "2 8"), (0, "2 9", "2 8")],
)
def test_the_newest_stay_and_the_live_one_and_what_they_use(
    machine: Path, kept: int, releases: str, venvs: str
) -> None:
    done = run(machine, f"prune 000002 {kept}")
    assert done.returncode == 0, done.stderr
    assert names(machine / "releases") == releases
    assert names(machine / "venvs") == venvs


@pytest.mark.parametrize(
    ("room", "files", "left", "refused"),
    [
        (500, 30_000, "1 2 3 4 5 6 7 8 9", False),
        (499, 30_000, "2 9", True),
        (500, 29_999, "2 9", True),
    ],
)
def test_twice_the_live_release_and_some_must_be_free(
    machine: Path, room: int, files: int, left: str, *, refused: bool
) -> None:
    done = run(machine, f"free_room() {{ echo {room}; }}\nfree_files() {{ echo {files}; }}\nmake_room\n")
    assert (done.returncode != 0) is refused, done.stderr
    assert names(machine / "releases") == left
    if refused:
        told = json.loads((machine / "reason.json").read_text())
        assert told["code"] == "disk-full"
        assert f"{room} MiB and {files} files are free." in told["reason"]
        assert "needs 500 MiB and 30000 files" in told["reason"]


def test_what_is_let_go_may_be_enough(machine: Path) -> None:
    count = (
        'free_room() { echo $((900 - 100 * $(find "$root/releases" -mindepth 1 -maxdepth 1 | wc -l))); }\n'
    )
    done = run(machine, count + "free_files() { echo 50000; }\nmake_room\n")
    assert done.returncode == 0, done.stderr
    assert names(machine / "releases") == "2 7 8 9"


@pytest.mark.parametrize(
    ("log", "full"), [("OSError: [Errno 28] No space left on device\n", True), ("KeyError: 'x'\n", False)]
)
def test_a_failed_step_may_have_run_out_of_room(machine: Path, log: str, *, full: bool) -> None:
    (machine / "failed").write_text("install\n")
    (machine / "install.log").write_text(log)
    assert (run(machine, "ran_out_of_room").returncode == 0) is full
    assert (machine / "reason.json").exists() is full
