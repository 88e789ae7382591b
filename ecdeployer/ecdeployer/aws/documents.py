"""Run Command documents of our own, and their named versions."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import tags
from .errors import AWSError
from .session import AWS

if TYPE_CHECKING:
    from mypy_boto3_ssm.type_defs import DescribeDocumentRequestTypeDef

#: AWS says the first of a version's name that it does not know, or the second.
UNKNOWN = frozenset({"InvalidDocumentVersion", "InvalidDocument"})


@dataclass(frozen=True)
class Document:
    """One version of a document, by its number: SendCommand takes no name of a version."""

    name: str
    version: str
    is_default: bool = False


def find(aws: AWS, name: str, *, version_name: str = "") -> Document | None:
    """The version of that name; without one the default version."""
    wanted: DescribeDocumentRequestTypeDef = {"Name": name}
    if version_name:
        wanted["VersionName"] = version_name
    try:
        found = aws.ask(lambda: aws.ssm.describe_document(**wanted))["Document"]
    except AWSError as error:
        if error.code in UNKNOWN:
            return None
        raise
    version = found["DocumentVersion"]
    return Document(name, version, is_default=version == found.get("DefaultVersion"))


def create(
    aws: AWS, name: str, *, content: Mapping[str, Any], version_name: str, tag: Mapping[str, str]
) -> str:
    """The version's number."""
    answer = aws.ask(
        lambda: aws.ssm.create_document(
            Name=name,
            Content=json.dumps(content),
            VersionName=version_name,
            DocumentType="Command",
            DocumentFormat="JSON",
            TargetType="/AWS::EC2::Instance",
            Tags=tags.to_list(tag),
        )
    )
    return answer["DocumentDescription"]["DocumentVersion"]


def add(aws: AWS, name: str, *, content: Mapping[str, Any], version_name: str) -> str:
    """A further version; its number. AWS keeps 1,000: then the oldest that is not the default one goes."""
    try:
        return _add(aws, name, content, version_name)
    except AWSError as error:
        if error.code != "DocumentVersionLimitExceeded":
            raise
    _delete_oldest(aws, name)
    return _add(aws, name, content, version_name)


def make_default(aws: AWS, name: str, version: str) -> None:
    aws.ask(lambda: aws.ssm.update_document_default_version(Name=name, DocumentVersion=version))


def _add(aws: AWS, name: str, content: Mapping[str, Any], version_name: str) -> str:
    answer = aws.ask(
        lambda: aws.ssm.update_document(
            Name=name,
            Content=json.dumps(content),
            VersionName=version_name,
            DocumentVersion="$LATEST",
            DocumentFormat="JSON",
            TargetType="/AWS::EC2::Instance",
        )
    )
    return answer["DocumentDescription"]["DocumentVersion"]


def _delete_oldest(aws: AWS, name: str) -> None:
    def search() -> list[int]:
        pages = aws.ssm.get_paginator("list_document_versions").paginate(Name=name)
        return [
            int(each["DocumentVersion"])
            for page in pages
            for each in page["DocumentVersions"]
            if not each["IsDefaultVersion"]
        ]

    oldest = str(min(aws.ask(search)))
    aws.ask(lambda: aws.ssm.delete_document(Name=name, DocumentVersion=oldest))
