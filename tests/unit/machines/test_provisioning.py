"""Each change, piece by piece: repeated, refused, interrupted."""

from datetime import timedelta

import pytest
from django.utils import timezone
from ecdeployer.applications.models import Application
from ecdeployer.aws.ec2 import Machine
from ecdeployer.aws.errors import RULES, AWSError
from ecdeployer.instances import records
from ecdeployer.instances.models import Instance, Usage
from ecdeployer.instances.states import InstanceState
from ecdeployer.machines import actions
from ecdeployer.machines.models import Change
from ecdeployer.machines.provisioning import advance
from ecdeployer.machines.tasks import advance_all

from .conftest import AWAY, Power


def error_of(code: str) -> AWSError:
    rule = RULES[code]
    return AWSError(code=code, message="said", kind=rule.kind, retryable=rule.retryable, person=rule.person)


def on(change: Change) -> Change:
    """One piece of work, whatever pause it wanted before."""
    Change.objects.update(due_at=timezone.now(), claimed_until=None)
    advance(change.pk)
    change.refresh_from_db()
    return change


def seen(instance: Instance, state: InstanceState) -> Instance:
    """What a sweep writes."""
    instance.refresh_from_db()
    records.update(
        instance, Machine(ec2_id=instance.ec2_id or "", state=state, public_ip=instance.public_ip or "")
    )
    instance.refresh_from_db()
    return instance


def test_a_stop_ends_when_the_machine_is_off(bakery: Application, instance: Instance, cloud: Power) -> None:
    change = actions.stop(bakery, by=None)
    on(change)
    instance.refresh_from_db()
    assert (instance.state, change.state, change.note) == ("stopping", "running", "The machine shuts down.")
    on(change)
    cloud.stop.assert_called_once()
    assert seen(instance, InstanceState.STOPPED).reason == ""
    assert on(change).state == "succeeded"
    bakery.refresh_from_db()
    assert bakery.status == "stopped"


def test_a_stop_whose_worker_died_did_not_come_from_outside(
    bakery: Application, instance: Instance, cloud: Power
) -> None:
    change = actions.stop(bakery, by=None)
    cloud.stop.side_effect = RuntimeError
    on(change)
    assert seen(instance, InstanceState.STOPPED).reason == ""
    assert on(change).state == "succeeded"
    seen(instance, InstanceState.RUNNING)
    assert seen(instance, InstanceState.STOPPED).reason == "The instance was stopped outside of the portal."


def test_a_start_ends_when_the_site_answers(bakery: Application, instance: Instance, cloud: Power) -> None:
    cloud.reach(InstanceState.STOPPED)
    change = actions.start(bakery, by=None)
    on(change)
    seen(instance, InstanceState.RUNNING)
    cloud.ask.return_value = AWAY
    assert on(change).note == AWAY.reason
    cloud.ask.return_value = type(AWAY)()
    assert on(change).state == "succeeded"
    cloud.start.assert_called_once()
    assert cloud.point.called


def test_a_start_without_room_fails_and_says_what_to_do(bakery: Application, cloud: Power) -> None:
    cloud.reach(InstanceState.STOPPED)
    change = actions.start(bakery, by=None)
    cloud.start.side_effect = error_of("InsufficientInstanceCapacity")
    assert on(change).reason.startswith("AWS has no t3.micro free in this zone at the moment.")
    assert change.state == "failed"


def test_a_reboot_is_done_when_the_site_was_away_and_is_back(bakery: Application, cloud: Power) -> None:
    change = actions.reboot(bakery, by=None)
    on(change)
    assert on(change).state == "running"
    cloud.ask.return_value = AWAY
    assert on(change).away
    assert on(change).state == "running"
    cloud.ask.return_value = type(AWAY)()
    assert on(change).state == "succeeded"
    cloud.reboot.assert_called_once()


def test_a_reboot_too_quick_to_be_seen_is_done_too(bakery: Application, cloud: Power) -> None:
    change = actions.reboot(bakery, by=None)
    on(change)
    Change.objects.update(sent_at=timezone.now() - timedelta(minutes=1))
    assert on(change).state == "succeeded"


def resized(bakery: Application, instance: Instance, cloud: Power) -> Change:
    """As far as the start on the new type."""
    change = actions.resize(bakery, "t3.small", by=None)
    on(change)
    seen(instance, InstanceState.STOPPED)
    on(change)
    return change


def test_a_resize_stops_changes_and_starts(bakery: Application, instance: Instance, cloud: Power) -> None:
    change = resized(bakery, instance, cloud)
    cloud.set_type.assert_called_once_with(None, instance.ec2_id, "t3.small")
    on(change)
    seen(instance, InstanceState.RUNNING)
    assert on(change).state == "succeeded"
    cloud.stop.assert_called_once()
    cloud.start.assert_called_once()
    bakery.refresh_from_db()
    assert bakery.instance_type == "t3.small"
    assert Usage.objects.get(kind="machine", until=None).instance_type == "t3.small"


@pytest.mark.parametrize(
    "code", ["InsufficientInstanceCapacity", "Unsupported", "VcpuLimitExceeded", "AuthFailure"]
)
def test_without_room_for_the_new_type_it_is_as_before(
    bakery: Application, instance: Instance, cloud: Power, code: str
) -> None:
    change = resized(bakery, instance, cloud)
    cloud.start.side_effect = error_of(code)
    assert on(change).refusal
    cloud.start.side_effect = None
    on(change)
    assert cloud.set_type.call_args.args[-1] == "t3.micro"
    on(change)
    seen(instance, InstanceState.RUNNING)
    assert on(change).state == "failed"
    assert change.reason.endswith("The machine is a t3.micro again, and runs.")
    instance.refresh_from_db()
    assert instance.instance_type == "t3.micro"


def test_its_own_type_may_be_waited_for(bakery: Application, instance: Instance, cloud: Power) -> None:
    change = resized(bakery, instance, cloud)
    cloud.start.side_effect = error_of("InsufficientInstanceCapacity")
    for _ in range(4):
        on(change)
    assert (change.state, change.note) == ("running", "AWS has no t3.micro free in this zone at the moment.")


def test_a_type_that_aws_refuses_is_no_reason_to_stay_away(
    bakery: Application, instance: Instance, cloud: Power
) -> None:
    cloud.set_type.side_effect = AWSError(code="InvalidParameterValue", message="", person="Refused.")
    change = resized(bakery, instance, cloud)
    cloud.set_type.side_effect = None
    on(change)
    on(change)
    seen(instance, InstanceState.RUNNING)
    assert on(change).reason == "Refused. The machine is a t3.micro again, and runs."


def test_a_stopped_machine_gets_its_type_and_stays_off(bakery: Application, cloud: Power) -> None:
    cloud.reach(InstanceState.STOPPED)
    change = actions.resize(bakery, "t3.small", by=None)
    on(change)
    assert on(change).state == "succeeded"
    assert not cloud.start.called


@pytest.mark.parametrize("code", [code for code, rule in RULES.items() if rule.retryable])
def test_what_goes_away_by_itself_is_tried_again(bakery: Application, cloud: Power, code: str) -> None:
    change = actions.stop(bakery, by=None)
    cloud.stop.side_effect = error_of(code)
    assert (on(change).state, change.note) == ("running", RULES[code].person)
    cloud.stop.side_effect = None
    on(change)
    assert Instance.objects.get().state == "stopping"


@pytest.mark.parametrize("code", [code for code, rule in RULES.items() if not rule.retryable])
def test_what_does_not_ends_it_with_its_reason(
    bakery: Application, instance: Instance, cloud: Power, code: str
) -> None:
    change = actions.stop(bakery, by=None)
    cloud.stop.side_effect = error_of(code)
    assert (on(change).state, change.reason) == ("failed", RULES[code].person)
    instance.refresh_from_db()
    assert instance.stop_asked_at is None


def test_it_ends_by_its_deadline_and_with_its_machine(bakery: Application, cloud: Power) -> None:
    change = actions.reboot(bakery, by=None)
    Change.objects.update(deadline=timezone.now() - timedelta(seconds=1))
    assert on(change).reason == "It did not end in time."
    change = actions.reboot(bakery, by=None)
    cloud.reach(InstanceState.TERMINATED)
    assert on(change).reason == "The instance is terminated."


def test_one_that_kills_its_workers_is_given_up(bakery: Application, cloud: Power) -> None:
    change = actions.stop(bakery, by=None)
    Change.objects.update(attempt=4)
    assert "workers ended" in on(change).reason


def test_beat_finds_what_a_lost_message_left(
    bakery: Application, cloud: Power, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = actions.stop(bakery, by=None)
    sent: list[str] = []
    monkeypatch.setattr(
        "ecdeployer.machines.tasks.advance.apply_async", lambda args, *_, **__: sent.extend(args)
    )
    advance_all()
    assert sent == [str(change.pk)]
