from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone
from ecdeployer.aws import tags
from ecdeployer.aws.ec2 import Machine
from ecdeployer.aws.session import AWS
from ecdeployer.instances import provisioning, reconcile
from ecdeployer.instances.models import Instance, LaunchAttempt
from pytest_django import DjangoAssertNumQueries

pytestmark = pytest.mark.django_db


@pytest.fixture
def launched(account: AWS, instance: Instance) -> Instance:
    provisioning.launch(instance, render=lambda _: b"user data")
    instance.refresh_from_db()
    return instance


def test_a_machine_that_runs_gets_its_addresses(launched: Instance) -> None:
    before = launched.revision
    reconcile.sweep()
    launched.refresh_from_db()
    assert launched.state == "running"
    assert launched.public_ip
    assert launched.private_ip
    assert launched.availability_zone
    assert launched.revision > before


def test_a_second_sweep_changes_nothing_and_asks_once(
    launched: Instance, calls: list[str], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    reconcile.sweep()
    calls.clear()
    # The rows, and those whose end was asked for.
    with django_assert_num_queries(2):
        assert reconcile.sweep() == 0
    assert calls == ["DescribeInstances"]


@pytest.mark.parametrize(
    ("act", "state", "said"),
    [
        (lambda aws, pk: aws.ec2.stop_instances(InstanceIds=[pk]), "stopped", "stopped outside"),
        (lambda aws, pk: aws.ec2.terminate_instances(InstanceIds=[pk]), "terminated", "terminated outside"),
    ],
)
def test_what_others_do_to_a_machine_is_noticed(
    account: AWS, launched: Instance, act: Callable[[AWS, str], object], state: str, said: str
) -> None:
    reconcile.sweep()
    act(account, launched.ec2_id or "")
    reconcile.sweep()
    launched.refresh_from_db()
    assert launched.state == state
    assert said in launched.reason
    assert (launched.terminated_at is not None) == (state == "terminated")


def test_a_launch_whose_worker_died_is_adopted_by_its_tag(account: AWS, launched: Instance) -> None:
    Instance.objects.update(state="launching", ec2_id=None, launched_at=None)
    LaunchAttempt.objects.update(outcome="prepared")
    ec2_id = launched.ec2_id
    reconcile.sweep()
    launched.refresh_from_db()
    assert (launched.state, launched.ec2_id) == ("running", ec2_id)
    assert launched.launch_attempts.get().outcome == "launched"


def test_an_ended_machine_is_not_adopted(account: AWS, launched: Instance) -> None:
    account.ec2.terminate_instances(InstanceIds=[launched.ec2_id or ""])
    Instance.objects.update(state="launching", ec2_id=None)
    reconcile.sweep()
    launched.refresh_from_db()
    assert launched.state == "launching"


def _with_age(instance: Instance, ec2_id: str, **age: float) -> Instance:
    launched_at = timezone.now() - timedelta(**age)
    application = instance.application
    return Instance.objects.create(
        application=application,
        instance_type="t3.micro",
        state="running",
        ec2_id=ec2_id,
        launched_at=launched_at,
    )


def test_a_machine_that_ec2_forgot_is_gone_after_the_grace_period(launched: Instance) -> None:
    old = _with_age(launched, "i-0old", minutes=6)
    young = _with_age(launched, "i-0young", minutes=4)
    reconcile.sweep()
    old.refresh_from_db()
    young.refresh_from_db()
    assert (old.state, young.state) == ("terminated", "running")


def test_an_empty_page_ends_nothing(account: AWS, instance: Instance) -> None:
    rows = [_with_age(instance, f"i-0{number}", hours=1) for number in range(6)]
    assert reconcile.sweep() == 0
    for row in rows:
        row.refresh_from_db()
        assert row.state == "running"


def test_an_operator_may_say_that_all_have_gone(account: AWS, instance: Instance) -> None:
    rows = [_with_age(instance, f"i-0{number}", seconds=1) for number in range(6)]
    call_command("reconcile", "--trust", stdout=StringIO())
    for row in rows:
        row.refresh_from_db()
        assert row.state == "terminated"


def test_a_builder_is_nobodys_instance(instance: Instance) -> None:
    Instance.objects.update(state="launching")
    builder = Machine(
        ec2_id="i-1", state="running", tags={tags.BUILDER: "x", tags.INSTANCE: str(instance.pk)}
    )
    instance.refresh_from_db()
    assert reconcile._matched([instance], [builder]) == {}


def test_a_machine_without_a_row_is_left_alone(account: AWS, launched: Instance) -> None:
    ec2_id = launched.ec2_id or ""
    launched.launch_attempts.all().delete()
    Instance.objects.all().delete()
    reconcile.sweep()
    found = account.ec2.describe_instances(InstanceIds=[ec2_id])["Reservations"][0]["Instances"][0]
    assert found["State"]["Name"] == "running"


def test_a_lost_request_for_an_end_is_sent_again(launched: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[object] = []
    monkeypatch.setattr(reconcile, "wake_termination", woken.append)
    reconcile.sweep()
    assert woken == []
    application = launched.application
    application.terminate_requested_at = timezone.now()
    application.save()
    reconcile.sweep()
    assert woken == [launched.pk]


def test_a_reason_ends_with_what_it_explained(account: AWS, launched: Instance) -> None:
    ids = [launched.ec2_id or ""]
    reconcile.sweep()
    account.ec2.stop_instances(InstanceIds=ids)
    reconcile.sweep()
    account.ec2.start_instances(InstanceIds=ids)
    reconcile.sweep()
    launched.refresh_from_db()
    assert (launched.state, launched.reason) == ("running", "")


def test_each_reason_gives_way_to_the_next(account: AWS, launched: Instance) -> None:
    reconcile.sweep()
    account.ec2.stop_instances(InstanceIds=[launched.ec2_id or ""])
    reconcile.sweep()
    account.ec2.terminate_instances(InstanceIds=[launched.ec2_id or ""])
    reconcile.sweep()
    launched.refresh_from_db()
    assert "terminated outside" in launched.reason


def test_machines_that_no_row_owns_are_told_once(
    account: AWS, launched: Instance, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ec2_id = launched.ec2_id or ""
    Instance.objects.update(state="failed")
    reconcile.sweep()
    assert caplog.text == ""
    monkeypatch.setattr(reconcile, "GRACE", timedelta(0))
    reconcile.sweep()
    reconcile.sweep()
    assert caplog.text.count(ec2_id) == 1
