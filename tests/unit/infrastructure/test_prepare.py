"""What the pipeline does with a bundle before it is deployed, in an account that moto plays."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from infrastructure import __main__ as program
from infrastructure import prepare, static_files
from infrastructure.aws import AWS
from infrastructure.terminal import RefusalError
from tests.unit.infrastructure import account
from tests.unit.infrastructure.conftest import Screen

HASH = "0123456789ab"
FILES = {
    f"portal/base.{HASH}.css": "text/css",
    f"portal/mark.{HASH}.svg": "image/svg+xml",
    f"admin/odd.{HASH}.unheardof": "application/octet-stream",
}
#: With no hash in their names they are another release's, too; compressed ones are nginx's own.
LEFT = ["portal/base.css", f"portal/base.{HASH}.css.gz", f"portal/base.{HASH}.css.br", "staticfiles.json"]
GIVEN = [
    "prepare", "--region=eu-west-1", "--prefix=ecdeployer", "--url=https://portal.example.com",
    "--static-bucket=ecdeployer-static",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _moto(aws: AWS) -> Iterator[None]:
    with mock_aws():
        where: dict[str, object] = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
        aws.s3.create_bucket(Bucket="ecdeployer-static", **where)  # type: ignore[arg-type]
        yield


@pytest.fixture
def static(tmp_path: Path) -> Path:
    for name in (*FILES, *LEFT):
        path = tmp_path / "static" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "static"


def keys(aws: AWS) -> set[str]:
    return {each["Key"] for each in aws.s3.list_objects_v2(Bucket="ecdeployer-static").get("Contents", [])}


def test_files_are_put_once_under_names_that_tell_their_content(aws: AWS, static: Path) -> None:
    assert static_files.upload(aws, "ecdeployer-static", static) == len(FILES)
    assert keys(aws) == FILES.keys()
    for name, kind in FILES.items():
        found = aws.s3.get_object(Bucket="ecdeployer-static", Key=name)
        assert (found["ContentType"], found["Body"].read().decode()) == (kind, name)
    assert static_files.upload(aws, "ecdeployer-static", static) == 0


def test_those_of_another_release_stay(aws: AWS, static: Path) -> None:
    aws.s3.put_object(Bucket="ecdeployer-static", Key="portal/base.ba9876543210.css", Body=b"old")
    static_files.upload(aws, "ecdeployer-static", static)
    assert {"portal/base.ba9876543210.css", f"portal/base.{HASH}.css"} <= keys(aws)


def test_machines_are_made_by_what_the_operator_has_set(
    aws: AWS, static: Path, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = account.replace_portal(monkeypatch, prepare)
    monkeypatch.setattr(prepare, "STATIC", static)
    aws.ssm.put_parameter(Name="/ecdeployer/portal/AGENTS", Value="skip", Type="String")
    aws.ssm.put_parameter(Name="/ecdeployer/portal/SECRET_KEY", Value="not read", Type="SecureString")
    assert program.main(GIVEN, screen.terminal) == 0, screen.text
    assert [call[0] for call in commands.method_calls] == ["ensure_infrastructure", "golden_image"]
    assert commands.settings == {
        "AGENTS": "skip",
        "AWS_REGION": "eu-west-1",
        "PORTAL_URL": "https://portal.example.com",
        "RESOURCE_PREFIX": "ecdeployer",
    }
    assert "static files put into ecdeployer-static" in screen.text
    assert f"portal/base.{HASH}.css" in keys(aws)


def test_a_role_that_is_another_one_s_to_change_is_said(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = account.replace_portal(monkeypatch, prepare)
    commands.ensure_infrastructure.side_effect = RefusalError("manage.py ensure_infrastructure ended with 1.")
    assert program.main(GIVEN, screen.terminal) == 1
    assert (
        "ended with 1. If a role was refused: the pipeline changes none. Run ./scripts/aws-up" in screen.text
    )
    commands.golden_image.assert_not_called()


def test_a_refusal_ends_the_stage(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    account.replace_portal(monkeypatch, prepare)
    assert program.main([*GIVEN[:-1], "--static-bucket=nowhere"], screen.terminal) == 1
    assert "NoSuchBucket" in screen.text
