"""How a database is let go: RDS takes a change only of one that is available."""

from typing import Any

import pytest

from infrastructure import databases
from infrastructure.aws import AWS
from infrastructure.databases import Database
from infrastructure.terminal import RefusalError
from tests.aws_stubs import Stub
from tests.unit.infrastructure.conftest import Screen

NAME = "ecdeployer-portal"
FOUND = [Database(id=NAME, gigabytes=20, engine="postgres", protected=True, status="creating")]
CHANGE = {"DBInstanceIdentifier": NAME, "DeletionProtection": False, "ApplyImmediately": True}


def answer(stub: Stub, status: str, *, protected: bool = True) -> None:
    found: Any = {"DBInstanceIdentifier": NAME, "DBInstanceStatus": status, "DeletionProtection": protected}
    stub("rds").add_response(
        "describe_db_instances", {"DBInstances": [found]}, {"DBInstanceIdentifier": NAME}
    )


def test_it_is_changed_when_it_is_available_and_left_when_it_is_changed(
    aws: AWS, stub: Stub, screen: Screen
) -> None:
    for status in ("creating", "backing-up", "available", "available"):
        answer(stub, status)
    stub("rds").add_response("modify_db_instance", {}, CHANGE)
    answer(stub, "available")
    answer(stub, "modifying", protected=False)
    answer(stub, "available", protected=False)
    databases.unprotect(aws, screen.terminal, FOUND)
    assert screen.seconds == 4 * 15
    assert screen.text.count(f"database {NAME} is creating: waiting") == 1
    assert "is backing-up" not in screen.text
    assert screen.text.endswith(f"database {NAME}: may be deleted now\n")


def test_one_that_is_never_available_is_said_with_what_to_do(aws: AWS, stub: Stub, screen: Screen) -> None:
    for _ in range(1800 // 15 + 1):
        answer(stub, "stopped")
    with pytest.raises(RefusalError, match=f"{NAME} is stopped after 30 minutes") as refused:
        databases.unprotect(aws, screen.terminal, FOUND)
    assert f"start-db-instance --region eu-west-1 --db-instance-identifier {NAME}" in str(refused.value)
    assert screen.seconds == 1800


def test_one_that_was_let_go_meanwhile(aws: AWS, stub: Stub, screen: Screen) -> None:
    answer(stub, "deleting", protected=False)
    answer(stub, "deleting", protected=False)
    databases.unprotect(aws, screen.terminal, FOUND)
    assert screen.text == ""


def test_one_that_went_meanwhile(aws: AWS, stub: Stub, screen: Screen) -> None:
    for _ in range(2):
        stub("rds").add_client_error("describe_db_instances", "DBInstanceNotFound")
    databases.unprotect(aws, screen.terminal, FOUND)
    assert screen.text == ""


def test_one_that_is_not_protected_is_not_asked_about(aws: AWS, stub: Stub, screen: Screen) -> None:
    stub("rds")
    open_one = Database(id=NAME, gigabytes=20, engine="postgres", protected=False, status="creating")
    databases.unprotect(aws, screen.terminal, [open_one])
    assert screen.text == ""
