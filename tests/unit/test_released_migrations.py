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


def test_a_release_takes_what_is_new_and_keeps_what_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real = migrations.read(migrations.FILE)
    newest = sorted(real.migrations)[-1]
    file = tmp_path / "releases.toml"
    step = f'\n[[second_step]]\nmigration = "{newest}"\nsince = "0.1.0"\nreason = "x"\n'
    file.write_text(migrations.FILE.read_text().replace(f'"{newest}",', "") + step)
    assert migrations.main(["--release=9.9.9", f"--file={file}"]) == 0
    now = migrations.read(file)
    assert now.brought["9.9.9"] == [newest]
    assert now.migrations == real.migrations | set(now.brought["9.9.9"])
    assert [each.migration for each in now.second_steps] == [newest]
    assert "9.9.9 brings 1 migrations." in capsys.readouterr().out
