"""What is known of releases, and what may be said of migrations that are newer."""

from pathlib import Path

import pytest
from django.db.migrations.loader import MigrationLoader

from scripts.checks import migrations
from scripts.checks.migrations import Releases, SecondStep

ON_DISK = {"shop.0001_initial", "shop.0002_price", "shop.0003_no_price"}
BROUGHT = {"0.1.0": ["shop.0001_initial"], "0.2.0": ["shop.0002_price"]}


def test_what_was_released_is_there_still() -> None:
    on_disk = {".".join(key) for key in MigrationLoader(None).disk_migrations}
    assert migrations.read(migrations.FILE).mistakes(on_disk) == []


def test_a_released_migration_does_not_go() -> None:
    mistakes = Releases(BROUGHT).mistakes(ON_DISK - {"shop.0002_price"})
    assert mistakes == ["shop.0002_price was released, and is gone."]


@pytest.mark.parametrize(
    ("said", "mistake"),
    [
        ({}, None),
        ({"since": "0.3.0"}, "no release 0.3.0 is known to do without"),
        ({"reason": " "}, "needs a reason"),
        ({"migration": "shop.0004"}, "There is no migration shop.0004"),
    ],
)
def test_a_second_step_names_the_release_that_does_without_and_why(
    said: dict[str, str], mistake: str | None
) -> None:
    step = {
        "migration": "shop.0003_no_price",
        "since": "0.2.0",
        "reason": "Prices have a table of their own.",
    }
    found = Releases(BROUGHT, [SecondStep(**step | said)]).mistakes(ON_DISK)
    assert len(found) == (mistake is not None)
    assert not mistake or mistake in found[0]


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What PostgreSQL would find; test_migrations_suit asks it."""
    found: list[str] = []
    monkeypatch.setattr(migrations, "refusals", lambda *_: found)
    return found


def test_a_release_takes_what_is_new_and_keeps_what_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], refused: list[str]
) -> None:
    real = migrations.read(migrations.FILE)
    newest = sorted(real.migrations)[-1]
    on_disk = {".".join(key) for key in MigrationLoader(None).disk_migrations}
    new = sorted({newest} | (on_disk - real.migrations))
    file = tmp_path / "releases.toml"
    step = f'\n[[second_step]]\nmigration = "{newest}"\nsince = "0.1.0"\nreason = "x"\n'
    file.write_text(migrations.FILE.read_text().replace(f'"{newest}",', "") + step)
    assert migrations.main(["--release=9.9.9", "--here", f"--file={file}"]) == 0
    now = migrations.read(file)
    assert now.brought["9.9.9"] == new
    assert now.migrations == real.migrations | set(now.brought["9.9.9"])
    assert [each.migration for each in now.second_steps] == [newest]
    assert f"9.9.9 brings {len(new)} migrations." in capsys.readouterr().out


def test_a_release_takes_nothing_that_does_not_suit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], refused: list[str]
) -> None:
    refused.append("shop.0003_no_price: the column price goes.")
    newest = sorted(migrations.read(migrations.FILE).migrations)[-1]
    file = tmp_path / "releases.toml"
    file.write_text(migrations.FILE.read_text().replace(f'"{newest}",', ""))
    before = file.read_text()
    assert migrations.main(["--release=9.9.9", "--here", f"--file={file}"]) == 1
    assert file.read_text() == before
    assert "the column price goes." in capsys.readouterr().err
