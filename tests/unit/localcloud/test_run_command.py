import pytest

from localcloud.run_command import Command, Invocation, Plugin


def invocation(*states: str, cancelled: bool = False) -> Invocation:
    plugins = [Plugin(str(number), status=state, details=state) for number, state in enumerate(states)]
    made = Invocation("i-1", plugins)
    if cancelled:
        made.cancelled.set()
    return made


def command(*invocations: Invocation) -> Command:
    return Command(
        document="d",
        version="1",
        comment="",
        parameters={},
        targets=[],
        timeout_seconds=60,
        invocations=list(invocations),
        region="eu-west-1",
    )


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ((), "Success"),
        (("Pending", "Pending"), "Pending"),
        (("Success", "Pending"), "InProgress"),
        (("InProgress",), "InProgress"),
        (("Success", "Success"), "Success"),
        (("Failed", "InProgress"), "InProgress"),
        (("Failed", "Success"), "Failed"),
        (("TimedOut", "TimedOut"), "TimedOut"),
        (("Success", "Cancelled"), "Cancelled"),
    ],
)
def test_a_machine_s_status_follows_from_its_steps(states: tuple[str, ...], status: str) -> None:
    assert invocation(*states).status == status


def test_a_cancelled_command_is_cancelling_until_it_ends() -> None:
    assert invocation("InProgress", cancelled=True).status == "Cancelling"
    assert invocation("Success", cancelled=True).status == "Success"


@pytest.mark.parametrize(
    ("states", "status"),
    [
        (("Pending", "Pending"), "Pending"),
        (("Pending", "Success"), "InProgress"),
        (("InProgress", "Failed"), "InProgress"),
        (("Success", "Failed"), "Failed"),
        (("Success", "Success"), "Success"),
        ((), "Success"),
    ],
)
def test_a_command_s_status_follows_from_its_machines(states: tuple[str, ...], status: str) -> None:
    assert command(*(invocation(state) for state in states)).status == status


def test_details_tell_how_a_step_timed_out() -> None:
    made = invocation("InProgress")
    made.plugins[0].end("TimedOut", "ExecutionTimedOut", code=-1)
    assert (made.status, made.details, made.plugins[0].code) == ("TimedOut", "ExecutionTimedOut", -1)
