from typing import Any

import pytest

from infrastructure import change_sets
from infrastructure.aws import AWS
from infrastructure.change_sets import Change, ChangeSet, Template
from infrastructure.stacks import Stack
from infrastructure.terminal import RefusalError
from tests.aws_stubs import Stub
from tests.unit.infrastructure.cloudformation import ROOT, STACK, answer_change_set, change, change_set_id
from tests.unit.infrastructure.conftest import Screen

STANDING = Stack(id=ROOT, name="ecdeployer", status="UPDATE_COMPLETE")
NOTHING = (
    "The submitted information didn't contain changes. Submit different information to create a change set."
)
REQUEST = change_sets.arguments(
    "ecdeployer", Template(url="https://b/root.yaml"), {"Machines": "2"}, prefix="ecdeployer", new=False
)


@pytest.fixture
def made(stub: Stub) -> None:
    stub("cloudformation").add_response(
        "create_change_set", {"Id": change_set_id("root"), "StackId": ROOT}, REQUEST
    )


def propose(aws: AWS, screen: Screen, stack: Stack | None = STANDING) -> ChangeSet | None:
    return change_sets.propose(aws, screen.terminal, REQUEST, stack=stack)


def discarded(stub: Stub) -> None:
    stub("cloudformation").add_response("delete_change_set", {}, {"ChangeSetName": change_set_id("root")})


def test_what_is_asked() -> None:
    assert REQUEST["ChangeSetType"] == "UPDATE"
    assert REQUEST["IncludeNestedStacks"]
    assert REQUEST["TemplateURL"] == "https://b/root.yaml"
    assert REQUEST["Tags"] == [{"Key": "ecdeployer:portal", "Value": "ecdeployer"}]
    new: dict[str, Any] = change_sets.arguments("x", Template(text="{}"), {}, prefix="x", new=True)
    assert new["ChangeSetType"] == "CREATE"
    assert new["TemplateBody"] == "{}"


@pytest.mark.usefixtures("made")
def test_nested_changes_stand_for_their_stack(aws: AWS, stub: Stub, screen: Screen) -> None:
    answer_change_set(stub("cloudformation"), status="CREATE_PENDING")
    answer_change_set(stub("cloudformation"), status="CREATE_IN_PROGRESS")
    answer_change_set(
        stub("cloudformation"),
        change("Data", "Modify", kind=STACK, ChangeSetId=change_set_id("data")),
        change("Network", "Modify", kind=STACK, ChangeSetId=change_set_id("network")),
        change("New", "Add", kind=STACK),
    )
    answer_change_set(
        stub("cloudformation"),
        change("Database", "Modify", kind="AWS::RDS::DBInstance", Replacement="True"),
        name="data",
    )
    answer_change_set(stub("cloudformation"), name="network", status="FAILED", reason=NOTHING)
    found = propose(aws, screen)
    assert found
    assert found.changes == (
        Change("Modify", "Data/Database", "AWS::RDS::DBInstance", "yes"),
        Change("Add", "New", STACK, "no"),
    )
    assert screen.seconds == 6


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("reason", [NOTHING, "No updates are to be performed."])
def test_nothing_to_change(aws: AWS, stub: Stub, screen: Screen, reason: str) -> None:
    answer_change_set(stub("cloudformation"), status="FAILED", reason=reason)
    discarded(stub)
    assert propose(aws, screen) is None


@pytest.mark.usefixtures("made")
def test_nested_stacks_that_would_stay_as_they_are(aws: AWS, stub: Stub, screen: Screen) -> None:
    answer_change_set(
        stub("cloudformation"), change("Data", "Modify", kind=STACK, ChangeSetId=change_set_id("data"))
    )
    answer_change_set(stub("cloudformation"), name="data", status="FAILED", reason=NOTHING)
    discarded(stub)
    assert propose(aws, screen) is None


@pytest.mark.usefixtures("made")
def test_a_nested_stack_of_which_nothing_is_told_is_a_change(aws: AWS, stub: Stub, screen: Screen) -> None:
    answer_change_set(stub("cloudformation"), change("Data", "Modify", kind=STACK))
    found = propose(aws, screen)
    assert found
    assert found.changes == (Change("Modify", "Data", STACK, "no"),)


@pytest.mark.usefixtures("made")
def test_a_refusal_says_why_where_a_nested_one_is_the_reason(aws: AWS, stub: Stub, screen: Screen) -> None:
    outer = f"Nested change set {change_set_id('data')} was not successfully created: Currently in FAILED."
    answer_change_set(stub("cloudformation"), status="FAILED", reason=outer)
    answer_change_set(stub("cloudformation"), name="data", status="FAILED", reason="Template format error")
    with pytest.raises(RefusalError, match=r"changes of ecdeployer: Nested .* Template format error"):
        propose(aws, screen)


@pytest.mark.usefixtures("made")
def test_what_a_validation_found_is_asked_for(aws: AWS, stub: Stub, screen: Screen) -> None:
    """CloudFormation looks for names that are taken before it makes anything, and says only that it did."""
    reason = "The following hook(s)/validation failed: [AWS::EarlyValidation::ResourceExistenceCheck]."
    answer_change_set(stub("cloudformation"), status="FAILED", reason=reason)
    found = {
        "EventType": "VALIDATION_ERROR",
        "LogicalResourceId": "Logs",
        "ValidationStatusReason": "/ecdeployer/portal already exists",
    }
    stub("cloudformation").add_response(
        "describe_events",
        {"OperationEvents": [{"EventType": "STACK_EVENT"}, found]},
        {"ChangeSetName": change_set_id("root"), "Filters": {"FailedEvents": True}},
    )
    with pytest.raises(
        RefusalError, match=r"ResourceExistenceCheck.* Logs: /ecdeployer/portal already exists"
    ):
        propose(aws, screen)


@pytest.mark.usefixtures("made")
def test_one_that_never_comes(aws: AWS, stub: Stub, screen: Screen) -> None:
    for _ in range(202):
        answer_change_set(stub("cloudformation"), status="CREATE_PENDING")
    with pytest.raises(RefusalError, match="took longer than 10 minutes"):
        propose(aws, screen)


@pytest.mark.parametrize("stack", [None, Stack(id=ROOT, name="x", status="REVIEW_IN_PROGRESS")])
def test_throwing_one_away_takes_a_stack_that_never_was(aws: AWS, stub: Stub, stack: Stack | None) -> None:
    discarded(stub)
    stub("cloudformation").add_response("delete_stack", {}, {"StackName": ROOT})
    change_sets.discard(aws, ChangeSet(id=change_set_id("root"), stack_id=ROOT, changes=()), stack=stack)


def test_what_is_lost_comes_first() -> None:
    rows = change_sets.rows(
        (
            Change("Add", "A", "T", "no"),
            Change("Modify", "B", "T", "no"),
            Change("Modify", "C", "T", "yes"),
            Change("Remove", "D", "T", "no"),
        )
    )
    assert [row[0] for row in rows] == ["RESOURCE", "D", "C", "B", "A"]
