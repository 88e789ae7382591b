"""Machines without an owner: which are ended, and which are only told of."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.utils import timezone
from ecdeployer.applications.models import Event
from ecdeployer.aws import ec2, tags
from ecdeployer.aws.errors import AWSError
from ecdeployer.aws.session import AWS
from ecdeployer.instances import reconcile
from ecdeployer.instances.models import FleetWatch, Instance

pytestmark = pytest.mark.django_db
Stray = Callable[..., str]


@pytest.fixture
def stray(account: AWS) -> Stray:
    """Launch a machine of ours behind the portal's back: its EC2 id."""

    def launch(row: object, *, minutes: float, **more: str) -> str:
        asked_at = timezone.now() - timedelta(minutes=minutes)
        carried = tags.instance_tags(
            prefix="sites", application="x", instance=str(row), attempt=1, asked_at=asked_at, name="stray"
        )
        made = account.ec2.run_instances(
            ImageId=account.ec2.describe_images(Owners=["self"])["Images"][0]["ImageId"],
            MinCount=1,
            MaxCount=1,
            TagSpecifications=tags.specifications(carried | more, "instance"),
        )
        return made["Instances"][0]["InstanceId"]

    return launch


@pytest.fixture(autouse=True)
def _watched(db: None) -> None:
    """This database has watched for a day."""
    FleetWatch.objects.create(since=timezone.now() - timedelta(days=1), swept_at=timezone.now())


def state(account: AWS, ec2_id: str) -> str:
    machine = ec2.find_machine(account, ec2_id)
    return machine.state if machine else ""


def test_a_machine_without_a_row_is_ended_after_the_grace_period(account: AWS, stray: Stray) -> None:
    old, young = stray(uuid4(), minutes=6), stray(uuid4(), minutes=4)
    assert reconcile.sweep() == 1
    assert (state(account, old), state(account, young)) == ("terminated", "running")


def test_a_second_machine_of_a_row_is_ended(account: AWS, stray: Stray, instance: Instance) -> None:
    first, second = stray(instance.pk, minutes=7), stray(instance.pk, minutes=6)
    Instance.objects.update(state="running", ec2_id=first)
    reconcile.sweep()
    assert (state(account, first), state(account, second)) == ("running", "terminated")
    assert second in Event.objects.get(verb="orphan ended").detail


@pytest.mark.parametrize("ended", ["failed", "terminated"])
def test_a_machine_whose_row_has_ended_is_ended(
    account: AWS, stray: Stray, instance: Instance, ended: str
) -> None:
    ec2_id = stray(instance.pk, minutes=6)
    Instance.objects.update(state=ended)
    reconcile.sweep()
    assert state(account, ec2_id) == "terminated"


def test_a_launch_whose_answer_is_not_noted_yet_is_no_orphan(
    account: AWS, stray: Stray, instance: Instance
) -> None:
    ec2_id = stray(instance.pk, minutes=60)
    Instance.objects.update(state="launching")
    reconcile.sweep()
    assert state(account, ec2_id) == "running"
    instance.refresh_from_db()
    assert instance.ec2_id == ec2_id


def test_more_than_a_few_are_not_believed(
    account: AWS, stray: Stray, caplog: pytest.LogCaptureFixture
) -> None:
    ids = [stray(uuid4(), minutes=6) for _ in range(6)]
    assert reconcile.sweep() == 0
    assert {state(account, ec2_id) for ec2_id in ids} == {"running"}
    assert "6 machines have no owner, too many" in caplog.text


def test_an_empty_database_ends_nothing(account: AWS, stray: Stray, caplog: pytest.LogCaptureFixture) -> None:
    FleetWatch.objects.all().delete()
    ec2_id = stray(uuid4(), minutes=6)
    reconcile.sweep()
    reconcile.sweep()
    assert state(account, ec2_id) == "running"
    assert caplog.text.count("this database knows nothing of") == 1
    assert ec2_id in caplog.text


def test_a_restored_database_ends_nothing(account: AWS, stray: Stray) -> None:
    FleetWatch.objects.update(swept_at=timezone.now() - timedelta(hours=1))
    ec2_id = stray(uuid4(), minutes=30)
    reconcile.sweep()
    assert state(account, ec2_id) == "running"
    assert timezone.now() - FleetWatch.objects.get().since < timedelta(minutes=1)


def test_a_machine_that_was_started_again_is_as_old_as_it_is(account: AWS, stray: Stray) -> None:
    FleetWatch.objects.update(since=timezone.now() - timedelta(minutes=10))
    ec2_id = stray(uuid4(), minutes=600)  # EC2's launch time is now
    reconcile.sweep()
    assert state(account, ec2_id) == "running"


def test_an_operator_may_end_them_all(account: AWS, stray: Stray) -> None:
    FleetWatch.objects.all().delete()
    ids = [stray(uuid4(), minutes=6) for _ in range(6)]
    call_command("reconcile", "--end-unowned", stdout=StringIO())
    assert {state(account, ec2_id) for ec2_id in ids} == {"terminated"}


def test_a_builder_that_was_left_is_ended_hours_later(account: AWS, stray: Stray) -> None:
    old = stray("", minutes=200, **{tags.BUILDER: "sites"})
    young = stray("", minutes=100, **{tags.BUILDER: "sites"})
    reconcile.sweep()
    assert (state(account, old), state(account, young)) == ("terminated", "running")


def test_a_machine_of_others_is_not_touched(account: AWS, stray: Stray) -> None:
    ec2_id = stray(uuid4(), minutes=60, **{tags.PREFIX: "other"})
    reconcile.sweep()
    assert state(account, ec2_id) == "running"


def test_what_aws_will_not_end_is_asked_for_again(
    account: AWS, stray: Stray, monkeypatch: pytest.MonkeyPatch
) -> None:
    ec2_id = stray(uuid4(), minutes=6)
    refusal = AWSError(code="RequestLimitExceeded", message="slow", retryable=True, kind="throttled")

    def refuse(*_: object) -> str:
        raise refusal

    with monkeypatch.context() as patched:
        patched.setattr(ec2, "terminate", refuse)
        assert reconcile.sweep() == 0
    assert reconcile.sweep() == 1
    assert state(account, ec2_id) == "terminated"


def known(instance: Instance, ec2_id: str, **changes: Any) -> None:
    launched_at = timezone.now() - timedelta(hours=1)
    Instance.objects.filter(pk=instance.pk).update(ec2_id=ec2_id, launched_at=launched_at, **changes)


def test_a_portal_that_was_shown_an_empty_account_ends_nothing_when_it_sees_its_own_again(
    account: AWS, stray: Stray, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other credentials, another region, a stale answer; few machines, which the breaker lets pass."""
    ec2_id = stray(instance.pk, minutes=60)
    known(instance, ec2_id, state="running")
    with monkeypatch.context() as patch:
        patch.setattr(ec2, "find_machines", lambda *_, **__: [])
        patch.setattr(ec2, "find_by_ids", lambda *_: [])
        assert reconcile.sweep() == 1
    instance.refresh_from_db()
    assert instance.state == "terminated"
    assert reconcile.sweep() == 0
    assert state(account, ec2_id) == "running"
    assert reconcile.sweep(end_unowned=True) == 1
    assert state(account, ec2_id) == "terminated"


def test_one_whose_end_was_asked_for_is_ended_though_its_row_says_that_it_has_gone(
    account: AWS, stray: Stray, instance: Instance
) -> None:
    ec2_id = stray(instance.pk, minutes=60)
    known(instance, ec2_id, state="terminated", end_asked_at=timezone.now())
    assert reconcile.sweep() == 1
    assert state(account, ec2_id) == "terminated"


def test_a_row_that_an_older_database_sees_waiting_ends_no_machine(
    account: AWS, stray: Stray, instance: Instance
) -> None:
    ec2_id = stray(instance.pk, minutes=60)
    assert instance.state == "requested"
    assert reconcile.sweep() == 0
    assert state(account, ec2_id) == "running"
