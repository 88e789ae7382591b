"""Files to and from S3."""

import io
from pathlib import Path

import pytest
from botocore.response import StreamingBody
from botocore.stub import ANY
from ecdeployer.aws import s3
from ecdeployer.aws.errors import AWSError
from ecdeployer.aws.session import AWS

from tests.aws_stubs import Stub

WHERE = {"Bucket": "backups", "Key": "portal/a.dump"}


def test_a_file_is_put(aws: AWS, stub: Stub, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"all of it")
    stub("s3").add_response("put_object", {}, {**WHERE, "Body": ANY, "ChecksumAlgorithm": ANY})
    s3.put_file(aws, "backups", "portal/a.dump", tmp_path / "a")


def test_a_file_is_got(aws: AWS, stub: Stub, tmp_path: Path) -> None:
    body = StreamingBody(io.BytesIO(b"all of it"), 9)
    stub("s3").add_response("head_object", {"ContentLength": 9, "ETag": "e"}, WHERE)
    stub("s3").add_response("get_object", {"Body": body, "ContentLength": 9}, WHERE)
    s3.get_file(aws, "backups", "portal/a.dump", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"all of it"


def test_a_refusal_is_one_of_ours(aws: AWS, stub: Stub, tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    stub("s3").add_client_error("put_object", "AccessDenied", http_status_code=403)
    with pytest.raises(AWSError) as refused:
        s3.put_file(aws, "backups", "portal/a.dump", tmp_path / "a")
    assert refused.value.kind == "denied"
