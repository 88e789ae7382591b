"""The templates on this disk, and their copies in the bucket."""

import hashlib
import re
from pathlib import Path

from .aws import AWS, AWSError

FOLDER = Path(__file__).with_name("templates")


class Templates:
    """Kept in a folder that is named by what it holds: what a stack was made from stays as it was."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._texts = {path.name: path.read_text() for path in sorted(folder.glob("*.yaml"))}

    def text(self, name: str) -> str:
        return self._texts[name]

    @property
    def key(self) -> str:
        """The folder in the bucket."""
        digest = hashlib.sha256(repr(sorted(self._texts.items())).encode()).hexdigest()
        return f"templates/{digest[:20]}"

    def url(self, aws: AWS, bucket: str) -> str:
        suffix = "amazonaws.com.cn" if aws.partition == "aws-cn" else "amazonaws.com"
        return f"https://{bucket}.s3.{aws.region}.{suffix}/{self.key}"

    def upload(self, aws: AWS, bucket: str) -> int:
        """How many were not there yet."""
        missing = [name for name in self._texts if not _is_there(aws, bucket, f"{self.key}/{name}")]
        for name in missing:
            _put(aws, bucket, f"{self.key}/{name}", self._texts[name])
        return len(missing)

    def count(self, kind: str) -> int:
        """How many resources of a type they make, conditions aside."""
        pattern = re.compile(rf"^\s+Type:\s*['\"]?{re.escape(kind)}['\"]?\s*(?:#.*)?$", re.MULTILINE)
        return sum(len(pattern.findall(text)) for text in self._texts.values())


def _is_there(aws: AWS, bucket: str, key: str) -> bool:
    try:
        aws.ask(aws.s3.head_object, Bucket=bucket, Key=key)
    except AWSError as error:
        if error.code in {"404", "NoSuchKey", "NotFound"}:
            return False
        raise
    return True


def _put(aws: AWS, bucket: str, key: str, text: str) -> None:
    aws.ask(aws.s3.put_object, Bucket=bucket, Key=key, Body=text.encode(), ContentType="application/yaml")
