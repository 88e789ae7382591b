"""Which versions of our Run Command documents are this portal's.

A version is named by the digest of its content, and stays when the portal changes: while one portal takes
another's place, each launches and commands machines by its own scripts.
"""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from django.conf import settings

from ..aws import documents
from ..aws.documents import Document
from ..aws.errors import AWSError
from ..aws.session import AWS
from ..cloud_init import documents as contents
from .connection import InfrastructureMissingError

Kind = Literal["deploy", "status", "act", "figures"]

_CONTENTS = {
    "deploy": contents.deploy_document,
    "status": contents.status_document,
    "act": contents.act_document,
    "figures": contents.figures_document,
}


def name_of(kind: Kind) -> str:
    return f"{settings.RESOURCE_PREFIX}-{kind}"


def own_contents() -> dict[str, dict[str, Any]]:
    """By name."""
    return {f"{settings.RESOURCE_PREFIX}-{kind}": content() for kind, content in _CONTENTS.items()}


def own_version(kind: Kind) -> str:
    """Its name, known without asking AWS."""
    return contents.version_name(_CONTENTS[kind]())


def find(aws: AWS, kind: Kind) -> Document:
    """Asked of AWS once in each process. Raises InfrastructureMissingError."""
    return _find(aws, name_of(kind), own_version(kind))


@contextmanager
def to_send(aws: AWS, kind: Kind) -> Iterator[Document]:
    """As ``find``; what AWS knows no more when it is sent is looked for again the next time."""
    try:
        yield find(aws, kind)
    except AWSError as error:
        if error.code in documents.UNKNOWN:
            forget()
        raise


@functools.cache
def _find(aws: AWS, name: str, version_name: str) -> Document:
    found = documents.find(aws, name, version_name=version_name)
    if found is None:
        raise InfrastructureMissingError(f"version {version_name} of the document {name}")
    return found


forget = _find.cache_clear
