"""Launching, with EC2's refusals in place of its answers, and workers that die between two lines."""

from collections.abc import Callable

import pytest
from ecdeployer.aws import ec2
from ecdeployer.aws.errors import AWSError, rule_for
from ecdeployer.aws.session import AWS
from ecdeployer.instances import provisioning, records
from ecdeployer.instances.models import GoldenImage, Instance, LaunchAttempt, LaunchQueue
from ecdeployer.instances.provisioning import LaunchFailedError, LaunchPausedError

pytestmark = pytest.mark.django_db


class Killed(BaseException):
    """What ends a worker at a line."""


class Cloud:
    """RunInstances as EC2 has it, tokens included, before moto's own; answers may be put in its place."""

    def __init__(self, real: Callable[..., ec2.Machine]) -> None:
        self.real = real
        self.requests: list[ec2.LaunchRequest] = []
        self.machines: dict[str, ec2.Machine] = {}
        self.refusals: list[str] = []
        self.killed_after_launch = False

    def run_instance(self, aws: AWS, request: ec2.LaunchRequest) -> ec2.Machine:
        self.requests.append(request)
        if self.refusals:
            code = self.refusals.pop(0)
            rule = rule_for(code)
            raise AWSError(
                code=code, message=code, kind=rule.kind, retryable=rule.retryable, person=rule.person
            )
        if request.client_token not in self.machines:
            self.machines[request.client_token] = self.real(aws, request)
        if self.killed_after_launch:
            raise Killed
        return self.machines[request.client_token]


@pytest.fixture
def cloud(account: AWS, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    made = Cloud(ec2.run_instance)
    monkeypatch.setattr(ec2, "run_instance", made.run_instance)
    return made


@pytest.fixture
def rendered() -> list[bytes]:
    """User data, other bytes each time."""
    return []


@pytest.fixture
def launch(instance: Instance, rendered: list[bytes]) -> Callable[[], None]:
    def render() -> bytes:
        rendered.append(b"user data %d" % len(rendered))
        return rendered[-1]

    return lambda: provisioning.launch(instance, render=render)


def attempts(instance: Instance) -> list[tuple[int, str]]:
    return list(instance.launch_attempts.values_list("number", "outcome"))


def test_a_machine_is_launched_and_noted(
    cloud: Cloud, instance: Instance, launch: Callable[[], None]
) -> None:
    launch()
    instance.refresh_from_db()
    assert instance.state in {"pending", "running"}
    assert (instance.ec2_id or "").startswith("i-")
    assert instance.launched_at is not None
    attempt = instance.launch_attempts.get()
    assert (attempt.outcome, attempt.user_data) == ("launched", None)
    assert len(attempt.client_token) <= 64
    assert cloud.requests[0].tags["ecdeployer:instance"] == str(instance.pk)
    assert cloud.requests[0].launch_template_version.isdigit()


def test_a_second_call_asks_nothing(cloud: Cloud, launch: Callable[[], None]) -> None:
    launch()
    launch()
    assert len(cloud.requests) == 1


def test_a_worker_killed_before_it_read_the_answer_launches_nothing_twice(
    cloud: Cloud, instance: Instance, launch: Callable[[], None], rendered: list[bytes]
) -> None:
    cloud.killed_after_launch = True
    with pytest.raises(Killed):
        launch()
    cloud.killed_after_launch = False
    launch()
    instance.refresh_from_db()
    assert len(cloud.machines) == 1
    assert cloud.requests[0] == cloud.requests[1]
    assert len(rendered) == 1
    assert instance.ec2_id == next(iter(cloud.machines.values())).ec2_id


def test_a_worker_killed_before_it_noted_the_machine_finds_it_again(
    cloud: Cloud, instance: Instance, launch: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(records, "adopt", die)
        with pytest.raises(Killed):
            launch()
    launch()
    assert len(cloud.machines) == 1
    assert attempts(instance) == [(1, "launched")]


def test_a_worker_killed_before_the_attempt_was_committed_leaves_nothing(
    cloud: Cloud, instance: Instance, launch: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Instance, "move", die)
        with pytest.raises(Killed):
            launch()
    assert attempts(instance) == []
    assert cloud.requests == []
    launch()
    assert len(cloud.machines) == 1


@pytest.mark.parametrize(
    "code", ["RequestLimitExceeded", "InternalError", "VcpuLimitExceeded", "PendingVerification"]
)
def test_what_passes_by_itself_is_repeated_with_the_same_bytes(
    cloud: Cloud, instance: Instance, launch: Callable[[], None], code: str
) -> None:
    cloud.refusals = [code]
    with pytest.raises(LaunchPausedError) as paused:
        launch()
    assert paused.value.retry_in > 0
    if code != "InternalError":
        # What would refuse everybody makes everybody wait.
        with pytest.raises(LaunchPausedError):
            launch()
        assert len(cloud.requests) == 1
        LaunchQueue.objects.update(tokens=5, held_until=None)
    launch()
    assert cloud.requests[0] == cloud.requests[1]
    assert attempts(instance) == [(1, "launched")]


def test_no_room_in_a_zone_is_a_new_attempt_in_another(
    cloud: Cloud, instance: Instance, launch: Callable[[], None]
) -> None:
    cloud.refusals = ["InsufficientInstanceCapacity"]
    with pytest.raises(LaunchPausedError) as paused:
        launch()
    assert paused.value.retry_in == 0
    launch()
    first, second = cloud.requests
    assert first.subnet_id != second.subnet_id
    assert first.client_token != second.client_token
    assert attempts(instance) == [(1, "failed"), (2, "launched")]


def test_no_room_anywhere_ends_with_the_cause(
    cloud: Cloud, instance: Instance, launch: Callable[[], None]
) -> None:
    cloud.refusals = ["InsufficientInstanceCapacity"] * 20
    failures: list[Exception] = []
    while not failures or isinstance(failures[-1], LaunchPausedError):
        with pytest.raises((LaunchPausedError, LaunchFailedError)) as raised:
            launch()
        failures.append(raised.value)
    failed = failures[-1]
    assert isinstance(failed, LaunchFailedError)
    assert failed.code == "aws-capacity"
    assert "instance type" in failed.remedy
    instance.refresh_from_db()
    assert instance.state == "failed"
    assert not cloud.machines


@pytest.mark.parametrize("code", ["InvalidAMIID.NotFound", "UnauthorizedOperation", "InvalidParameterValue"])
def test_a_refusal_for_good_fails_at_once(
    cloud: Cloud, instance: Instance, launch: Callable[[], None], code: str
) -> None:
    cloud.refusals = [code]
    with pytest.raises(LaunchFailedError):
        launch()
    instance.refresh_from_db()
    assert (instance.state, instance.launch_attempts.get().user_data) == ("failed", None)


def test_a_token_that_was_used_leads_to_the_machine_by_its_tag(
    cloud: Cloud, instance: Instance, launch: Callable[[], None]
) -> None:
    cloud.killed_after_launch = True
    with pytest.raises(Killed):
        launch()
    cloud.killed_after_launch, cloud.refusals = False, ["IdempotentParameterMismatch"]
    launch()
    instance.refresh_from_db()
    assert instance.ec2_id == next(iter(cloud.machines.values())).ec2_id


def test_a_machine_that_has_ended_since_is_a_new_attempt(
    cloud: Cloud, account: AWS, instance: Instance, launch: Callable[[], None]
) -> None:
    cloud.killed_after_launch = True
    with pytest.raises(Killed):
        launch()
    ec2.terminate(account, next(iter(cloud.machines.values())).ec2_id)
    cloud.killed_after_launch, cloud.refusals = False, ["IdempotentInstanceTerminated"]
    with pytest.raises(LaunchPausedError) as paused:
        launch()
    assert paused.value.retry_in == 0
    launch()
    assert attempts(instance) == [(1, "failed"), (2, "launched")]


def test_without_an_image_it_waits_for_the_operator(cloud: Cloud, launch: Callable[[], None]) -> None:
    GoldenImage.objects.all().delete()
    with pytest.raises(LaunchPausedError, match="build_golden_image"):
        launch()


def test_without_infrastructure_it_waits_for_the_operator(
    aws: AWS, instance: Instance, launch: Callable[[], None]
) -> None:
    with pytest.raises(LaunchPausedError, match="operator"):
        launch()
    assert not LaunchAttempt.objects.exists()


def test_the_calls_of_a_launch_are_known(account: AWS, calls: list[str], launch: Callable[[], None]) -> None:
    launch()
    assert calls == ["DescribeLaunchTemplateVersions", "DescribeSubnets", "RunInstances"]


@pytest.mark.parametrize(
    "code", ["UnauthorizedOperation", "InvalidAMIID.NotFound", "InsufficientInstanceCapacity"]
)
def test_a_refusal_after_an_unread_answer_does_not_hide_the_machine(
    cloud: Cloud, instance: Instance, launch: Callable[[], None], code: str
) -> None:
    cloud.killed_after_launch = True
    with pytest.raises(Killed):
        launch()
    cloud.killed_after_launch, cloud.refusals = False, [code]
    launch()
    instance.refresh_from_db()
    assert instance.ec2_id == next(iter(cloud.machines.values())).ec2_id
    assert attempts(instance) == [(1, "launched")]


def test_a_used_token_whose_machine_is_not_listed_yet_is_waited_for(
    cloud: Cloud, instance: Instance, launch: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.refusals = ["IdempotentParameterMismatch"]
    with monkeypatch.context() as patched:
        patched.setattr(ec2, "find_by_instance_tag", lambda *_: None)
        with pytest.raises(LaunchPausedError):
            launch()
    assert attempts(instance) == [(1, "prepared")]


def test_while_nobody_can_tell_whether_a_machine_exists_none_is_given_up(
    cloud: Cloud, instance: Instance, launch: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AWSError(code="UnauthorizedOperation", message="", kind="denied")

    cloud.refusals = ["UnauthorizedOperation"]
    monkeypatch.setattr(ec2, "find_by_instance_tag", refuse)
    with pytest.raises(LaunchPausedError):
        launch()
    instance.refresh_from_db()
    assert (instance.state, attempts(instance)) == ("launching", [(1, "prepared")])
