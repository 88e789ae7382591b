"""Run Command documents of our own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import tags
from .errors import AWSError
from .session import AWS


@dataclass(frozen=True)
class Document:
    """The default version, which SendCommand takes."""

    name: str
    version: str
    content: dict[str, Any]


def find(aws: AWS, name: str) -> Document | None:
    try:
        answer = aws.ask(lambda: aws.ssm.get_document(Name=name, DocumentFormat="JSON"))
    except AWSError as error:
        if error.code == "InvalidDocument":
            return None
        raise
    return Document(name, answer["DocumentVersion"], dict(json.loads(answer["Content"])))


def create(aws: AWS, name: str, *, content: Mapping[str, Any], tag: Mapping[str, str]) -> str:
    """The version's number."""
    answer = aws.ask(
        lambda: aws.ssm.create_document(
            Name=name,
            Content=json.dumps(content),
            DocumentType="Command",
            DocumentFormat="JSON",
            TargetType="/AWS::EC2::Instance",
            Tags=tags.to_list(tag),
        )
    )
    return answer["DocumentDescription"]["DocumentVersion"]


def update(aws: AWS, name: str, *, content: Mapping[str, Any]) -> str:
    """Make this content the default version, whether it is a new one or the latest; its number."""
    version = _update(aws, name, content) or _latest(aws, name)
    aws.ask(lambda: aws.ssm.update_document_default_version(Name=name, DocumentVersion=version))
    return version


def _update(aws: AWS, name: str, content: Mapping[str, Any]) -> str:
    try:
        answer = aws.ask(
            lambda: aws.ssm.update_document(
                Name=name,
                Content=json.dumps(content),
                DocumentVersion="$LATEST",
                DocumentFormat="JSON",
                TargetType="/AWS::EC2::Instance",
            )
        )
    except AWSError as error:
        if error.code != "DuplicateDocumentContent":
            raise
        return ""
    return answer["DocumentDescription"]["DocumentVersion"]


def _latest(aws: AWS, name: str) -> str:
    answer = aws.ask(lambda: aws.ssm.describe_document(Name=name, DocumentVersion="$LATEST"))
    return answer["Document"]["DocumentVersion"]
