"""What stands in the way of a copy; tests/integration/test_backup.py makes real ones."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import Mock

import pytest
from django.core.management import CommandError, call_command
from ecdeployer.aws import s3
from ecdeployer.aws.errors import AWSError
from ecdeployer.operating import backups

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 26, 22, 5, tzinfo=UTC)


@pytest.fixture
def postgresql(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """What would be run."""
    server = (["psql", "-h", "db.internal", "portal"], {"PGPASSWORD": "secret"})
    client = Mock(settings_to_cmd_args_env=Mock(return_value=server))
    monkeypatch.setattr(backups, "connection", Mock(vendor="postgresql", client=client))
    run = Mock(return_value=subprocess.CompletedProcess([], 0, "", ""))
    monkeypatch.setattr(subprocess, "run", run)
    return run


def test_sqlite_is_a_file(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="SQLite"):
        call_command("back_up_database", str(tmp_path))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(CommandError, match="SQLite"):
        call_command("restore_database", "any")


def test_a_copy_is_named_by_its_time(postgresql: Mock, tmp_path: Path) -> None:
    assert backups.back_up(f"{tmp_path}/", at=NOW) == f"{tmp_path}/ecdeployer-20261126T220500Z.dump"
    [command] = postgresql.call_args.args
    assert command[:4] == ["pg_dump", "-h", "db.internal", "--dbname=portal"]
    assert "secret" not in " ".join(command)
    assert postgresql.call_args.kwargs["env"]["PGPASSWORD"] == "secret"


def test_what_the_program_says_is_told(postgresql: Mock, tmp_path: Path) -> None:
    postgresql.return_value = subprocess.CompletedProcess([], 1, "", "server version mismatch\n")
    with pytest.raises(CommandError, match="pg_dump ended with 1: server version mismatch"):
        call_command("back_up_database", str(tmp_path))


def test_a_program_that_is_missing_is_named(postgresql: Mock, tmp_path: Path) -> None:
    postgresql.side_effect = FileNotFoundError
    with pytest.raises(CommandError, match="postgresql-client"):
        call_command("back_up_database", str(tmp_path))


@pytest.mark.parametrize("place", ["s3://", "s3:///portal"])
def test_an_address_without_a_bucket_is_refused(postgresql: Mock, place: str) -> None:
    with pytest.raises(CommandError, match="BUCKET"):
        call_command("back_up_database", place)
    postgresql.assert_not_called()


def test_a_refusal_of_aws_is_told(postgresql: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = AWSError(code="AccessDenied", message="", operator="PutObject: AccessDenied")
    monkeypatch.setattr(s3, "put_file", Mock(side_effect=refusal))
    with pytest.raises(CommandError, match="PutObject: AccessDenied"):
        call_command("back_up_database", "s3://backups/portal")
