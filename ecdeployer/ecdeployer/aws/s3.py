"""S3: files of the portal's own, such as copies of its database. Their bucket encrypts them."""

from dataclasses import dataclass
from pathlib import Path

from boto3.s3.transfer import TransferConfig

from .errors import AWSError
from .session import AWS

#: Files go in parts from this size on; one connection is quick enough for what lies on a small disk.
_TRANSFER = TransferConfig(multipart_threshold=64 * 1024 * 1024, use_threads=False)


def put_file(aws: AWS, bucket: str, key: str, source: Path) -> None:
    """Raises AWSError."""

    def put() -> None:
        with source.open("rb") as file:
            aws.s3.upload_fileobj(file, bucket, key, Config=_TRANSFER)

    aws.ask(put)


def get_file(aws: AWS, bucket: str, key: str, target: Path) -> None:
    """Raises AWSError; what was there of the file until then stays."""

    def get() -> None:
        with target.open("wb") as file:
            aws.s3.download_fileobj(bucket, key, file, Config=_TRANSFER)

    aws.ask(get)


@dataclass(frozen=True)
class Object:
    body: bytes
    type: str


def read(aws: AWS, bucket: str, key: str) -> Object | None:
    """A small one, whole, for a person who waits; None where it is not there. Raises AWSError."""

    def get() -> Object:
        answer = aws.quick_s3.get_object(Bucket=bucket, Key=key)
        return Object(body=answer["Body"].read(), type=answer["ContentType"])

    try:
        return aws.ask(get)
    except AWSError as error:
        if error.code != "NoSuchKey":
            raise
        return None
