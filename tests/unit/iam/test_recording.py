"""What is noted of a call, in the tests' own process and in one of the portal's."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from botocore.stub import Stubber
from ecdeployer.aws import ssm
from ecdeployer.aws.errors import AWSError
from ecdeployer.aws.session import AWS
from ecdeployer.configuration import load
from ecdeployer.instances import infrastructure
from ecdeployer.operating import backups
from moto import mock_aws
from pytest_django import Settings

from tests.iam import recording
from tests.iam.shapes import Call, shape_of

APPLICATION = "0f0f0f0f-0000-4000-8000-000000000001"


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Where this test's calls are noted, as if none had been before."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr(recording, "_noted", set())
    kept = Path(os.environ[recording.FOLDER])
    monkeypatch.setenv(recording.FOLDER, str(tmp_path))
    yield tmp_path
    for path in tmp_path.glob("*.jsonl"):
        (kept / f"{tmp_path.name}-{path.name}").write_text(path.read_text())


def names(folder: Path) -> set[tuple[str, str]]:
    return {(call.asker, call.name) for call in recording.recorded(folder)}


def test_the_settings_that_the_portal_reads_when_it_starts(
    monkeypatch: pytest.MonkeyPatch, noted: Path
) -> None:
    monkeypatch.setenv("SETTINGS_PARAMETER_PATH", "/sites/portal")
    # What is read becomes a variable of this process: it goes with the test.
    monkeypatch.setenv("TRUSTED_PROXIES", "")
    monkeypatch.delenv("TRUSTED_PROXIES")
    with mock_aws():
        AWS("eu-west-1").ssm.put_parameter(Name="/sites/portal/TRUSTED_PROXIES", Value="2", Type="String")
        loaded = load("/nowhere")
    assert loaded.trusted_proxies == 2
    assert names(noted) == {("portal", "ssm:GetParametersByPath")}


def test_a_refusal_that_is_read(noted: Path) -> None:
    aws = AWS("eu-west-1")
    refusal = "No. Encoded authorization failure message: c2VjcmV0"
    with Stubber(aws.ec2) as ec2, Stubber(aws.sts) as sts:
        ec2.add_client_error("describe_launch_template_versions", "UnauthorizedOperation", refusal)
        sts.add_response("decode_authorization_message", {"DecodedMessage": "reason"})
        with pytest.raises(AWSError):
            infrastructure.find(aws)
    assert names(noted) == {
        ("portal", "ec2:DescribeLaunchTemplateVersions"),
        ("portal", "sts:DecodeAuthorizationMessage"),
    }


def test_copies_of_the_database(noted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("connection", "FleetWatch", "restoring", "_check_postgresql", "_load"):
        monkeypatch.setattr(backups, name, MagicMock())
    backups.connection.introspection.table_names.return_value = []  # type: ignore[attr-defined]
    monkeypatch.setattr(backups, "_dump", lambda file: file.write_bytes(b"all of it"))
    with mock_aws():
        aws = AWS("eu-west-1")
        monkeypatch.setattr(backups, "aws", lambda: aws)
        aws.s3.create_bucket(Bucket="copies", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        backups.restore(backups.back_up("s3://copies/portal", at=datetime.now(UTC)))
    assert names(noted) == {
        ("portal", "s3:GetObject"),
        ("portal", "s3:HeadObject"),
        ("portal", "s3:PutObject"),
    }


def test_what_a_test_asks_itself_is_not_the_portals(noted: Path) -> None:
    with mock_aws():
        aws = AWS("eu-west-1")
        aws.ssm.describe_parameters()
        ssm.delete_secret(aws, "/x")
    assert names(noted) == set()


def test_a_process_of_the_portals_notes_its_own(noted: Path) -> None:
    """It has nobody to ask at that address: noted is what was to be asked."""
    manage = recording.ROOT / "ecdeployer" / "manage.py"
    given = os.environ | recording.environment() | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    command = [sys.executable, str(manage), "ensure_infrastructure", "--show-portal-policy"]
    done = subprocess.run(command, env=given, capture_output=True, text=True, check=False)
    assert "Could not connect" in done.stderr
    assert ("portal", "sts:GetCallerIdentity") in names(noted)


def test_nothing_of_a_secret_or_a_name_is_noted(settings: Settings) -> None:
    settings.RESOURCE_PREFIX = "sites"
    path = f"/sites/{APPLICATION}/environment/7"
    tag_list = [
        {"Key": "ecdeployer:instance", "Value": "arn"},
        {"Key": "ecdeployer:prefix", "Value": "sites"},
    ]
    given = {"Name": path, "Value": "hunter2", "Tags": tag_list}
    call = shape_of("ssm", "PutParameter", given, asker="portal")
    assert call.given == {
        "Name": "/PREFIX/APPLICATION/environment/PART",
        "Value": "*",
        "Tags": {"ecdeployer:instance": "*", "ecdeployer:prefix": "PREFIX"},
    }
    names = {"Names": [f"/sites/{APPLICATION}/environment/{number}" for number in range(10)]}
    assert shape_of("ssm", "DeleteParameters", names, asker="portal").given == {
        "Names": ["/PREFIX/APPLICATION/environment/PART"]
    }


def test_a_call_that_nobody_has_judged_is_told_and_added_where_that_is_wanted(
    monkeypatch: pytest.MonkeyPatch, noted: Path, tmp_path: Path
) -> None:
    known = tmp_path / "calls.json"
    known.write_text("[]\n")
    monkeypatch.setattr(recording, "KNOWN", known)
    monkeypatch.delenv(recording.ADDING, raising=False)
    new = Call("portal", "ec2:CreateVpc", "{}")
    recording._note(new)
    assert recording.unknown(noted) == [new]
    monkeypatch.setenv(recording.ADDING, "1")
    assert recording.unknown(noted) == []
    monkeypatch.delenv(recording.ADDING)
    assert recording.unknown(noted) == []
    assert recording.known() == [new]
    for path in noted.glob("*.jsonl"):
        path.unlink()


def test_the_list_is_sorted_and_names_nothing_twice() -> None:
    known = recording.known()
    assert known == sorted(set(known))
