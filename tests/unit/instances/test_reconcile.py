from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone
from ecdeployer.aws import ec2, tags
from ecdeployer.aws.ec2 import Machine
from ecdeployer.aws.session import AWS
from ecdeployer.instances import provisioning, reconcile, records
from ecdeployer.instances.models import Instance, LaunchAttempt
from pytest_django import DjangoAssertNumQueries

pytestmark = pytest.mark.django_db


@pytest.fixture
def launched(account: AWS, instance: Instance) -> Instance:
    provisioning.launch(instance, render=lambda: b"user data")
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
    # The rows, the watch read and written, the addresses, and those whose end was asked for.
    with django_assert_num_queries(5):
        assert reconcile.sweep() == 0
    assert calls == ["DescribeInstances", "DescribeAddresses"]


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


def test_a_page_that_lacks_a_machine_is_no_proof(
    launched: Instance, monkeypatch: pytest.MonkeyPatch, calls: list[str]
) -> None:
    Instance.objects.update(launched_at=timezone.now() - timedelta(hours=1))
    monkeypatch.setattr(ec2, "find_machines", lambda *_, **__: [])
    assert reconcile.sweep() == 0
    assert calls == ["DescribeAddresses", "DescribeInstances"]
    launched.refresh_from_db()
    assert launched.state == "pending"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("Server.SpotInstanceTermination", "AWS took this spot instance back"),
        ("Server.InternalError", "AWS ended or stopped the instance by itself"),
        ("Client.UserInitiatedShutdown", "terminated outside of the portal"),
    ],
)
def test_who_ended_a_machine_is_told(launched: Instance, code: str, words: str) -> None:
    machine = Machine(ec2_id=launched.ec2_id or "", state="terminated", state_code=code, state_reason="Said.")
    records.update(launched, machine)
    launched.refresh_from_db()
    assert words in launched.reason
    assert launched.reason.endswith("AWS says: Said.")


def test_failed_status_checks_are_noted_until_they_pass(
    launched: Instance, monkeypatch: pytest.MonkeyPatch, calls: list[str]
) -> None:
    reconcile.sweep()
    calls.clear()
    assert reconcile.note_impaired() == 0
    assert calls == ["DescribeInstanceStatus"]
    with monkeypatch.context() as patched:
        patched.setattr(ec2, "find_impaired", lambda _: {launched.ec2_id})
        assert (reconcile.note_impaired(), reconcile.note_impaired()) == (1, 0)
    launched.refresh_from_db()
    assert launched.impaired_since
    assert reconcile.note_impaired() == 1
    launched.refresh_from_db()
    assert launched.impaired_since is None
