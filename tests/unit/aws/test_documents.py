"""Versions of documents at their limit, and what AWS refuses beside it."""

from typing import Any

import pytest
from ecdeployer.aws import documents
from ecdeployer.aws.errors import AWSError
from ecdeployer.aws.session import AWS

from tests.aws_stubs import Stub

CONTENT = {"schemaVersion": "2.2"}
ADDED = {"DocumentDescription": {"DocumentVersion": "1001"}}


def listed(*numbers: int, default: int, **more: Any) -> dict[str, Any]:
    found = [{"DocumentVersion": str(each), "IsDefaultVersion": each == default} for each in numbers]
    return {"DocumentVersions": found, **more}


def test_at_the_limit_the_oldest_goes_that_is_not_the_last_portals(aws: AWS, stub: Stub) -> None:
    ssm = stub("ssm")
    ssm.add_client_error("update_document", "DocumentVersionLimitExceeded")
    ssm.add_response("list_document_versions", listed(1000, 10, default=2, NextToken="more"), {"Name": "d"})
    ssm.add_response("list_document_versions", listed(9, 3, 2, default=2), {"Name": "d", "NextToken": "more"})
    ssm.add_response("delete_document", {}, {"Name": "d", "DocumentVersion": "3"})
    ssm.add_response("update_document", ADDED)
    assert documents.add(aws, "d", content=CONTENT, version_name="v") == "1001"


@pytest.mark.parametrize("code", ["AccessDeniedException", "DuplicateDocumentVersionName"])
def test_another_refusal_takes_nothing_away(aws: AWS, stub: Stub, code: str) -> None:
    stub("ssm").add_client_error("update_document", code)
    with pytest.raises(AWSError, match=code):
        documents.add(aws, "d", content=CONTENT, version_name="v")


@pytest.mark.parametrize("code", ["InvalidDocument", "InvalidDocumentVersion"])
def test_a_version_that_is_not_there(aws: AWS, stub: Stub, code: str) -> None:
    stub("ssm").add_client_error("describe_document", code)
    assert documents.find(aws, "d", version_name="v") is None


def test_a_version_that_may_not_be_looked_for(aws: AWS, stub: Stub) -> None:
    stub("ssm").add_client_error("describe_document", "AccessDeniedException")
    with pytest.raises(AWSError, match="AccessDeniedException"):
        documents.find(aws, "d", version_name="v")
