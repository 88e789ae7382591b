import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from user_data import backup


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "backups").mkdir()
    return tmp_path


def make(path: Path, rows: int = 1) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE IF NOT EXISTS visits (id)")
        database.executemany("INSERT INTO visits VALUES (?)", [(number,) for number in range(rows)])
        database.commit()


def count(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        return int(database.execute("SELECT count(*) FROM visits").fetchone()[0])


def test_every_database_is_copied_for_the_site_alone(
    shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(shared / "data/db.sqlite3", 3)
    make(shared / "data/other.db", 1)
    (shared / "data/notes.sqlite3").write_text("no database")
    (shared / "data/empty.sqlite3").touch()
    (shared / "data/link.sqlite3").symlink_to(shared / "data/db.sqlite3")
    backup.main("000002", str(shared))
    names = ["000002-db.sqlite3", "000002-other.db.sqlite3"]
    assert sorted(path.name for path in (shared / "backups").iterdir()) == names
    assert capsys.readouterr().out.splitlines() == [f"{shared}/backups/{name}" for name in names]
    assert {path.stat().st_mode & 0o777 for path in (shared / "backups").iterdir()} == {0o600}
    assert count(shared / "backups/000002-db.sqlite3") == 3


def test_a_copy_is_of_one_moment_while_others_write(shared: Path) -> None:
    source = shared / "data/db.sqlite3"
    make(source, 3)
    with closing(sqlite3.connect(source)) as writer:
        writer.execute("INSERT INTO visits VALUES (9)")
        backup.main("000002", str(shared))
        writer.commit()
    assert count(shared / "backups/000002-db.sqlite3") == 3
    assert count(source) == 4


def test_a_deployment_that_begins_anew_keeps_its_first_copy(shared: Path) -> None:
    make(shared / "data/db.sqlite3", 1)
    backup.main("000002", str(shared))
    make(shared / "data/db.sqlite3", 5)
    backup.main("000002", str(shared))
    assert count(shared / "backups/000002-db.sqlite3") == 1


def test_five_releases_keep_theirs(shared: Path) -> None:
    make(shared / "data/db.sqlite3")
    make(shared / "data/b.sqlite3")
    (shared / "backups/README").touch()
    for number in range(1, 8):
        backup.main(f"{number:06d}", str(shared))
    kept = {path.name[:6] for path in (shared / "backups").iterdir()}
    assert kept == {"000003", "000004", "000005", "000006", "000007", "README"}


def test_what_does_not_fit_is_not_begun(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(shared / "data/db.sqlite3")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 100))
    with pytest.raises(SystemExit, match="could not be copied aside: it has 8,192 bytes, and 100 are free"):
        backup.main("000002", str(shared))
    assert list((shared / "backups").iterdir()) == []


def test_a_broken_database_is_named(shared: Path) -> None:
    (shared / "data/db.sqlite3").write_bytes(backup.MAGIC + b"x" * 5000)
    with pytest.raises(SystemExit, match="could not be copied aside"):
        backup.main("000002", str(shared))
