"""What is put in place is run here as this very user, in a folder of its own."""

import io
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from user_data import site_data

Members = list[tuple[tarfile.TarInfo, bytes]]


def member(name: str, content: bytes = b"", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    made = tarfile.TarInfo(name)
    made.size = len(content)
    for field, value in fields.items():
        setattr(made, field, value)
    return made, content


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    folder = tmp_path / "shared"
    for name in (*site_data.FOLDERS, "log"):
        (folder / name).mkdir(parents=True)
        (folder / name / "before").write_text("here")
    return folder


def without_user(command: list[str]) -> list[str]:
    return command[len(site_data.AS_SITE) :]


def fill(shared: Path, content: bytes) -> int:
    command = without_user(site_data.KINDS["files"].fill)
    return subprocess.run(
        command, input=content, cwd=shared, env=site_data.ENVIRONMENT, capture_output=True, check=False
    ).returncode


def test_every_part_is_read_and_measured_as_the_site() -> None:
    for name, part in site_data.KINDS.items():
        assert part.read[: len(site_data.AS_SITE)] == site_data.AS_SITE, name
        assert part.measure[: len(site_data.AS_SITE)] == site_data.AS_SITE, name
        assert name == "redis" or part.fill[: len(site_data.AS_SITE)] == site_data.AS_SITE


def test_files_go_from_one_machine_to_another_whole(tmp_path: Path, shared: Path) -> None:
    old = tmp_path / "old"
    for name in site_data.FOLDERS:
        (old / name).mkdir(parents=True)
    (old / "media/a b").mkdir()
    (old / "media/a b/\u00e9\n.txt").write_bytes(b"x" * 1000)
    (old / "media/link").symlink_to("a b")
    (old / "home/.cache").mkdir()
    (old / "home/.cache/large").write_bytes(b"y" * 5000)
    (old / "data/db.sqlite3").write_bytes(b"SQLite")
    (old / "data/db.sqlite3").chmod(0o640)
    with (old / "data/holes").open("wb") as file:
        file.truncate(1 << 30)
    how: dict[str, Any] = {"cwd": old, "env": site_data.ENVIRONMENT, "check": True, "capture_output": True}
    packed = subprocess.run(without_user(site_data.KINDS["files"].read), **how).stdout
    assert len(packed) < 100_000
    assert fill(shared, packed) == 0
    assert (shared / "media/a b/\u00e9\n.txt").read_bytes() == b"x" * 1000
    assert (shared / "media/link").readlink() == Path("a b")
    assert (shared / "data/db.sqlite3").stat().st_mode & 0o777 == 0o640
    assert (shared / "data/holes").stat().st_size == 1 << 30
    assert not (shared / "home/.cache").exists()
    assert not list(shared.glob("*/before"))[1:], "only the log stays"
    assert (shared / "log/before").read_text() == "here"
    assert not (shared / ".incoming").exists()


def test_only_bytes_that_count_are_measured(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shared / "home/.cache").mkdir()
    (shared / "home/.cache/large").write_bytes(b"y" * 5000)
    (shared / "log/large").write_bytes(b"y" * 5000)
    monkeypatch.setattr(site_data, "SHARED", str(shared))
    part = site_data.KINDS["files"]
    measured = site_data.measured(site_data.Part(without_user(part.measure), part.read, part.fill))
    assert measured == 4 * len(site_data.FOLDERS)
    for name in site_data.FOLDERS:
        (shared / name / "before").unlink()
    assert site_data.measured(site_data.Part(without_user(part.measure), part.read, part.fill)) == 0


@pytest.mark.parametrize(
    "hostile",
    [
        [member("../escaped", b"x")],
        [member("media/../../escaped", b"x")],
        [member("/{outside}/escaped", b"x")],
        [member("media/up", type=tarfile.SYMTYPE, linkname="../.."), member("media/up/escaped", b"x")],
        [member("media", type=tarfile.SYMTYPE, linkname="{outside}"), member("media/escaped", b"x")],
        [member("media/x", type=tarfile.LNKTYPE, linkname="{outside}/victim"), member("media/x", b"escaped")],
        [member("media/x", type=tarfile.SYMTYPE, linkname="{outside}/victim"), member("media/x", b"escaped")],
        [member(".incoming/../../escaped", b"x")],
    ],
)
def test_no_member_leaves_the_folder(tmp_path: Path, shared: Path, hostile: Members) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "victim").write_text("untouched")
    for info, _ in hostile:
        info.name = info.name.replace("/{outside}", str(outside))
        info.linkname = info.linkname.replace("{outside}", str(outside))
    before = {path for path in tmp_path.rglob("*") if shared not in path.parents}
    fill(shared, archive(*hostile))
    assert {path for path in tmp_path.rglob("*") if shared not in path.parents} == before
    assert (outside / "victim").read_text() == "untouched"


@pytest.mark.parametrize(
    "content", [b"", b"no archive at all" * 100, archive(member("media/x", b"y" * 5000))[:2000]]
)
def test_what_is_no_whole_archive_replaces_nothing(shared: Path, content: bytes) -> None:
    assert fill(shared, content) != 0
    assert len(list(shared.glob("*/before"))) == len(site_data.FOLDERS) + 1


def test_a_folder_that_does_not_come_is_empty(shared: Path) -> None:
    assert fill(shared, archive(member("media/x", b"y"))) == 0
    assert (shared / "media/x").read_bytes() == b"y"
    assert list((shared / "data").iterdir()) == []


@pytest.mark.parametrize(
    ("services", "database", "names"),
    [
        ([], "sqlite3", {"files"}),
        (["postgresql", "redis", "celery"], "postgresql", {"files", "postgresql", "redis"}),
        (["redis"], "mysql", {"files", "redis", "mysql"}),
    ],
)
def test_a_release_has_what_its_machine_runs(services: list[str], database: str, names: set[str]) -> None:
    assert set(site_data.parts({"services": services, "database": database})) == names
