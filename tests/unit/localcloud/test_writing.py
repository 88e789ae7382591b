import os
from pathlib import Path

import pytest

from localcloud import writing


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "disk").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("of the host")
    return tmp_path / "disk"


def test_files_are_written_with_their_folders_and_mode(root: Path) -> None:
    writing.write(root, "/a/b/c", "text", mode=0o600)

    assert (root / "a/b/c").read_text() == "text"
    assert (root / "a/b/c").stat().st_mode & 0o777 == 0o600
    assert writing.read(root, "/a/b/c") == "text"


def test_a_link_in_a_file_s_place_is_replaced(root: Path) -> None:
    (root / "etc").mkdir()
    (root / "etc/hosts").symlink_to("../../outside/secret")

    assert writing.read(root, "/etc/hosts") == ""
    writing.write(root, "/etc/hosts", "new")

    assert (root / "etc/hosts").read_text() == "new"
    assert not (root / "etc/hosts").is_symlink()
    assert (root.parent / "outside/secret").read_text() == "of the host"


def test_a_link_in_a_folder_s_place_is_replaced(root: Path) -> None:
    (root / "etc").symlink_to(root.parent / "outside")

    assert writing.read(root, "/etc/secret") == ""
    writing.write(root, "/etc/secret", "new")

    assert (root / "etc/secret").read_text() == "new"
    assert (root.parent / "outside/secret").read_text() == "of the host"


def test_a_pipe_in_a_file_s_place_holds_nobody_up(root: Path) -> None:
    os.mkfifo(root / "environment")

    assert writing.read(root, "/environment") == ""
    writing.write(root, "/environment", "A=1")
    assert writing.read(root, "/environment") == "A=1"


def test_what_is_not_there_reads_as_nothing(root: Path) -> None:
    assert writing.read(root, "/no/such/file") == ""


def test_no_file_stays_open(root: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        writing.write(root, "/a/b/c", "x")
        writing.read(root, "/a/b/c")
        writing.read(root, "/a/b/none")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
