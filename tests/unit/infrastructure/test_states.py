"""What aws-up and aws-down do with a stack that is in the middle of something, or stuck."""

from datetime import UTC, datetime

import pytest

from infrastructure.aws import AWS
from infrastructure.down import Down
from infrastructure.parameters import Parameters
from infrastructure.stacks import Stack
from infrastructure.terminal import RefusalError
from infrastructure.up import Up
from tests.aws_stubs import Stub
from tests.unit.infrastructure.cloudformation import ROOT, answer_events, answer_stack, event
from tests.unit.infrastructure.conftest import Screen

ASKED = event(10, "", "UPDATE_IN_PROGRESS", "User Initiated")
DONE = event(30, "", "UPDATE_COMPLETE")
DELETING = event(40, "", "DELETE_IN_PROGRESS", "User Initiated")
DELETED = event(50, "", "DELETE_COMPLETE")


@pytest.fixture
def run(aws: AWS, given: Parameters, screen: Screen) -> Up:
    return Up(aws, given, screen.terminal)


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name ecdeployer --region eu-west-1"),
        ("CREATE_FAILED", "Run ./scripts/aws-down"),
        ("DELETE_FAILED", "Run ./scripts/aws-down"),
        ("DELETE_IN_PROGRESS", "which follows that to its end"),
        ("UPDATE_FAILED", "rollback-stack --stack-name ecdeployer --region eu-west-1"),
    ],
)
def test_stuck(run: Up, stub: Stub, status: str, advice: str) -> None:
    answer_stack(stub("cloudformation"), status)
    with pytest.raises(RefusalError, match=f"The stack ecdeployer is {status}.*{advice}"):
        run._settle("ecdeployer")


@pytest.mark.parametrize("status", [None, "REVIEW_IN_PROGRESS"])
def test_none_yet(run: Up, stub: Stub, status: str | None) -> None:
    answer_stack(stub("cloudformation"), status)
    assert run._settle("ecdeployer") is None


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_one_that_stands(run: Up, stub: Stub, status: str) -> None:
    answer_stack(stub("cloudformation"), status)
    found = run._settle("ecdeployer")
    assert found
    assert found.status == status


def test_what_goes_on_is_followed_first(run: Up, stub: Stub, screen: Screen) -> None:
    answer_stack(stub("cloudformation"), "UPDATE_IN_PROGRESS")
    answer_events(stub("cloudformation"), ASKED)
    answer_events(stub("cloudformation"), ASKED, DONE)
    answer_stack(stub("cloudformation"), "UPDATE_COMPLETE")
    found = run._settle("ecdeployer")
    assert found
    assert found.settled
    assert "ecdeployer is UPDATE_IN_PROGRESS: following it" in screen.text


def answer_resources(stub: Stub, *resources: dict[str, str]) -> None:
    found = [{**each, "LastUpdatedTimestamp": datetime(2026, 1, 1, tzinfo=UTC)} for each in resources]
    answer = {"StackResourceSummaries": found}
    stub("cloudformation").add_response("list_stack_resources", answer, {"StackName": ROOT})


DATABASE = {
    "LogicalResourceId": "Database",
    "ResourceType": "AWS::RDS::DBInstance",
    "PhysicalResourceId": "ecdeployer-portal",
    "ResourceStatus": "DELETE_FAILED",
}


def answer_unprotecting(stub: Stub) -> None:
    for protected in (True, True, True, False):
        database = {
            "DBInstanceIdentifier": "ecdeployer-portal",
            "DBInstanceStatus": "available",
            "DeletionProtection": protected,
        }
        if not protected:
            change = {"DBInstanceIdentifier": "ecdeployer-portal", "DeletionProtection": False}
            stub("rds").add_response("modify_db_instance", {}, {**change, "ApplyImmediately": True})
        stub("rds").add_response("describe_db_instances", {"DBInstances": [database]})


def answer_snapshots(stub: Stub, *names: str) -> None:
    tags = [{"Key": "ecdeployer:portal", "Value": "ecdeployer"}]
    found = [{"DBSnapshotIdentifier": name, "TagList": tags} for name in names]
    stub("rds").add_response("describe_db_snapshots", {"DBSnapshots": found}, {"SnapshotType": "manual"})


def test_what_is_left_of_a_first_try_goes(run: Up, stub: Stub) -> None:
    answer_stack(stub("cloudformation"), "ROLLBACK_COMPLETE")
    answer_resources(stub)
    answer_snapshots(stub)
    answer_snapshots(stub)
    answer_events(stub("cloudformation"), DONE)
    stub("cloudformation").add_response("delete_stack", {}, {"StackName": ROOT})
    answer_events(stub("cloudformation"), DONE, DELETING, DELETED)
    assert run._settle("ecdeployer") is None


def test_a_database_that_stopped_the_rollback_of_a_first_try_is_let_go(
    run: Up, stub: Stub, screen: Screen
) -> None:
    """It is protected from its first minute on: whatever fails after it, CloudFormation cannot go back."""
    answer_stack(stub("cloudformation"), "ROLLBACK_FAILED")
    answer_resources(stub, DATABASE)
    answer_snapshots(stub, "earlier")
    answer_unprotecting(stub)
    answer_events(stub("cloudformation"), DONE)
    stub("cloudformation").add_response("delete_stack", {}, {"StackName": ROOT})
    answer_events(stub("cloudformation"), DONE, DELETING, DELETED)
    answer_snapshots(stub, "earlier", "of-the-first-try")
    assert run._settle("ecdeployer") is None
    assert "ecdeployer-portal: may be deleted now" in screen.text
    assert "--db-snapshot-identifier of-the-first-try" in screen.text
    assert "earlier" not in screen.text


def test_down_follows_a_deletion_that_goes_on(
    aws: AWS, given: Parameters, stub: Stub, screen: Screen
) -> None:
    stack = Stack(id=ROOT, name="ecdeployer", status="DELETE_IN_PROGRESS")
    answer_events(stub("cloudformation"), DONE, DELETING)
    answer_events(stub("cloudformation"), DONE, DELETING, DELETED)
    Down(aws, given, screen.terminal)._delete(stack)
    assert "UPDATE_COMPLETE" not in screen.text


UPDATING = Stack(id=ROOT, name="ecdeployer", status="UPDATE_IN_PROGRESS", protected=True)


def answer_end_of_update(stub: Stub) -> None:
    answer_events(stub("cloudformation"), ASKED)
    answer_events(stub("cloudformation"), ASKED, DONE)


def answer_deletion(stub: Stub) -> None:
    answer_events(stub("cloudformation"), ASKED, DONE)
    stub("cloudformation").add_response(
        "update_termination_protection",
        {"StackId": ROOT},
        {"StackName": ROOT, "EnableTerminationProtection": False},
    )
    stub("cloudformation").add_response("delete_stack", {}, {"StackName": ROOT})
    answer_events(stub("cloudformation"), ASKED, DONE, DELETING, DELETED)


def test_down_lets_an_update_end_before(aws: AWS, given: Parameters, stub: Stub, screen: Screen) -> None:
    answer_end_of_update(stub)
    answer_stack(stub("cloudformation"), "UPDATE_COMPLETE", ROOT, EnableTerminationProtection=True)
    answer_deletion(stub)
    Down(aws, given, screen.terminal)._delete(UPDATING)


def test_down_lets_root_come_to_rest_before_it_changes_the_database(
    aws: AWS, given: Parameters, stub: Stub, screen: Screen
) -> None:
    """The database may be one that the update makes only now."""
    answer_end_of_update(stub)
    answer_stack(stub("cloudformation"), "UPDATE_COMPLETE", ROOT, EnableTerminationProtection=True)
    answer_resources(stub, {**DATABASE, "ResourceStatus": "CREATE_COMPLETE"})
    answer_unprotecting(stub)
    answer_deletion(stub)
    Down(aws, given, screen.terminal)._delete_root(UPDATING)
    following, unprotected = screen.text.index("following it"), screen.text.index("may be deleted now")
    assert following < screen.text.index("UPDATE_COMPLETE") < unprotected


def test_down_is_content_with_a_stack_that_went_meanwhile(
    aws: AWS, given: Parameters, stub: Stub, screen: Screen
) -> None:
    answer_end_of_update(stub)
    answer_stack(stub("cloudformation"), None, ROOT)
    Down(aws, given, screen.terminal)._delete_root(UPDATING)
    assert "deleting" not in screen.text


def test_down_names_what_stands_in_the_way(aws: AWS, given: Parameters, stub: Stub, screen: Screen) -> None:
    stack = Stack(id=ROOT, name="ecdeployer", status="DELETE_FAILED")
    held = event(45, "Bucket", "DELETE_FAILED", "The bucket is not empty", kind="AWS::S3::Bucket", thing="b")
    answer_events(stub("cloudformation"), DONE)
    stub("cloudformation").add_response("delete_stack", {}, {"StackName": ROOT})
    answer_events(stub("cloudformation"), DONE, DELETING, held, event(50, "", "DELETE_FAILED"))
    with pytest.raises(RefusalError, match=r"First to fail: Bucket \(AWS::S3::Bucket\)"):
        Down(aws, given, screen.terminal)._delete(stack)
