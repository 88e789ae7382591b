import pytest

from infrastructure import events
from infrastructure.aws import AWS
from infrastructure.events import Operation
from infrastructure.terminal import RefusalError
from tests.aws_stubs import Stub
from tests.unit.infrastructure.cloudformation import NESTED, ROOT, answer_events, answer_stack, event
from tests.unit.infrastructure.conftest import Screen

BEFORE = event(0, "", "CREATE_COMPLETE")
ASKED = event(10, "", "UPDATE_IN_PROGRESS", "User Initiated")
TOPIC = event(11, "Topic", "CREATE_COMPLETE", kind="AWS::SNS::Topic", thing="topic")
DATA = event(12, "Data", "UPDATE_IN_PROGRESS", thing=NESTED)
DONE = event(30, "", "UPDATE_COMPLETE")
#: Of the nested stack: one from an earlier update, one of its own, one of a resource in it.
WITHIN = (
    event(1, "Database", "CREATE_COMPLETE", kind="AWS::RDS::DBInstance", thing="db", of=NESTED),
    event(12, "", "UPDATE_IN_PROGRESS", of=NESTED),
    event(13, "Database", "UPDATE_IN_PROGRESS", kind="AWS::RDS::DBInstance", thing="db", of=NESTED),
)
FAILED = event(
    14, "Database", "UPDATE_FAILED", "No such class", kind="AWS::RDS::DBInstance", thing="db", of=NESTED
)


def operation(aws: AWS, stub: Stub) -> Operation:
    answer_events(stub("cloudformation"), BEFORE)
    return events.coming(aws, ROOT)


def test_every_resource_is_shown_once_nested_ones_too(aws: AWS, stub: Stub, screen: Screen) -> None:
    found = operation(aws, stub)
    answer_events(stub("cloudformation"), BEFORE, ASKED, TOPIC, DATA)
    answer_events(stub("cloudformation"), *WITHIN, of=NESTED)
    answer_events(stub("cloudformation"), BEFORE, ASKED, TOPIC, DATA, DONE)
    answer_events(stub("cloudformation"), *WITHIN, of=NESTED)
    events.follow_to_success(found, screen.terminal, "Updating")
    shown = [line.split()[3:5] for line in screen.text.splitlines()]
    assert shown == [
        ["UPDATE_IN_PROGRESS", "the"],
        ["CREATE_COMPLETE", "Topic"],
        ["UPDATE_IN_PROGRESS", "Data"],
        ["UPDATE_IN_PROGRESS", "Data/Database"],
        ["UPDATE_COMPLETE", "the"],
    ]


def test_a_long_silence_says_what_it_waits_for(aws: AWS, stub: Stub, screen: Screen) -> None:
    found = operation(aws, stub)
    waiting = event(11, "Database", "CREATE_IN_PROGRESS", kind="AWS::RDS::DBInstance", thing="db")
    for _ in range(13):
        answer_events(stub("cloudformation"), BEFORE, ASKED, waiting)
    answer_stack(stub("cloudformation"), "UPDATE_IN_PROGRESS", name=ROOT)
    answer_events(stub("cloudformation"), BEFORE, ASKED, waiting, DONE)
    events.follow(found, screen.terminal)
    assert screen.text.count("… waiting for Database") == 1


def test_a_stack_that_goes_without_a_word(aws: AWS, stub: Stub, screen: Screen) -> None:
    found = operation(aws, stub)
    for _ in range(13):
        answer_events(stub("cloudformation"), BEFORE)
    answer_stack(stub("cloudformation"), None, name=ROOT)
    events.follow_to_success(found, screen.terminal, "Deleting")
    assert screen.seconds == 60


def test_what_goes_on_already_is_followed_from_its_beginning(aws: AWS, stub: Stub, screen: Screen) -> None:
    answer_events(stub("cloudformation"), BEFORE, ASKED, TOPIC)
    found = events.running(aws, ROOT)
    answer_events(stub("cloudformation"), BEFORE, ASKED, TOPIC, DONE)
    assert events.follow(found, screen.terminal) == "UPDATE_COMPLETE"
    assert "Topic" in screen.text
    assert "CREATE_COMPLETE              the stack" not in screen.text


def test_a_failure_names_the_first_resource_and_the_reason(aws: AWS, stub: Stub, screen: Screen) -> None:
    found = operation(aws, stub)
    cancelled = event(
        13, "Topic", "UPDATE_FAILED", "Resource update cancelled", kind="AWS::SNS::Topic", thing="t"
    )
    outer = event(
        15, "Data", "UPDATE_FAILED", f"Embedded stack {NESTED} was not successfully updated", thing=NESTED
    )
    ended = event(20, "", "UPDATE_ROLLBACK_COMPLETE")
    answer_events(stub("cloudformation"), BEFORE, ASKED, DATA, cancelled, outer, ended)
    answer_events(stub("cloudformation"), *WITHIN, FAILED, of=NESTED)
    with pytest.raises(RefusalError) as caught:
        events.follow_to_success(found, screen.terminal, "Updating the stack ecdeployer")
    assert str(caught.value).splitlines() == [
        "Updating the stack ecdeployer failed.",
        "First to fail: Data/Database (AWS::RDS::DBInstance).",
        "AWS says: No such class",
        "CloudFormation put everything back as it was before: the portal goes on.",
    ]
    assert "          No such class" in screen.text


@pytest.mark.parametrize(
    ("status", "reason", "said"),
    [
        ("ROLLBACK_COMPLETE", "Bucket ecdeployer-x already exists", "remove or rename it"),
        ("ROLLBACK_COMPLETE", "User: x is not authorized to perform: iam:CreateRole", "of an administrator"),
        (
            "ROLLBACK_COMPLETE",
            "The maximum number of VPCs has been reached.",
            "ask for more in Service Quotas",
        ),
        ("ROLLBACK_COMPLETE", "anything", "nothing is left of it"),
        ("UPDATE_ROLLBACK_FAILED", "anything", "could not put everything back"),
        ("ROLLBACK_FAILED", "anything", "could not remove all that it had made"),
        ("DELETE_FAILED", "anything", "The rest of the stack is still there"),
        ("CREATE_FAILED", "anything", "The stack is CREATE_FAILED"),
    ],
)
def test_in_plain_words(aws: AWS, stub: Stub, screen: Screen, status: str, reason: str, said: str) -> None:
    found = operation(aws, stub)
    failed = event(11, "Thing", "CREATE_FAILED", reason, kind="AWS::EC2::VPC", thing="x")
    answer_events(stub("cloudformation"), BEFORE, ASKED, failed, event(20, "", status))
    with pytest.raises(RefusalError, match=said) as caught:
        events.follow_to_success(found, screen.terminal, "It")
    assert f"AWS says: {reason}" in str(caught.value)


def test_a_failure_of_the_stack_alone(aws: AWS, stub: Stub, screen: Screen) -> None:
    found = operation(aws, stub)
    answer_events(stub("cloudformation"), BEFORE, ASKED, event(20, "", "DELETE_FAILED", "held by another"))
    with pytest.raises(RefusalError, match="First to fail: the stack itself"):
        events.follow_to_success(found, screen.terminal, "It")


def test_a_nested_stack_that_is_not_known_yet_is_asked_again(aws: AWS, stub: Stub, screen: Screen) -> None:
    found = operation(aws, stub)
    answer_events(stub("cloudformation"), BEFORE, ASKED, DATA)
    stub("cloudformation").add_client_error(
        "describe_stack_events", "ValidationError", f"Stack [{NESTED}] does not exist"
    )
    answer_events(stub("cloudformation"), BEFORE, ASKED, DATA, DONE)
    answer_events(stub("cloudformation"), *WITHIN, of=NESTED)
    events.follow(found, screen.terminal)
    assert "Data/Database" in screen.text


def test_ctrl_c_says_that_it_goes_on(aws: AWS, stub: Stub) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    found = operation(aws, stub)
    answer_events(stub("cloudformation"), BEFORE, ASKED)
    with pytest.raises(
        KeyboardInterrupt, match="CloudFormation goes on by itself; run the same command again"
    ):
        events.follow_to_success(found, Screen(meanwhile=[interrupt]).terminal, "Updating")
