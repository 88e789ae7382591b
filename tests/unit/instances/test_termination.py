from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone
from ecdeployer.aws import ec2, ssm
from ecdeployer.aws.errors import AWSError
from ecdeployer.aws.session import AWS
from ecdeployer.instances import environment, provisioning, reconcile, termination
from ecdeployer.instances.models import FleetWatch, Instance, LaunchAttempt

pytestmark = pytest.mark.django_db


@pytest.fixture
def launched(account: AWS, instance: Instance) -> Instance:
    provisioning.launch(instance, render=lambda: b"user data")
    instance.refresh_from_db()
    return instance


def _parameters(aws: AWS, instance: Instance) -> list[str]:
    path = environment.path(instance.application)
    return sorted(found["Name"] for found in aws.ssm.get_parameters_by_path(Path=path)["Parameters"])


def test_machine_and_parameters_go(account: AWS, launched: Instance) -> None:
    environment.write(launched, {"A": "x" * 5000})
    assert len(_parameters(account, launched)) == 2
    termination.terminate(launched)
    reconcile.sweep()
    # Deleted now, and known to be gone when they are asked for again.
    assert not termination.terminate(launched)
    assert _parameters(account, launched) == []
    assert termination.terminate(launched)
    assert launched.state == "terminated"
    assert launched.terminated_at
    assert set(launched.ledger.exclude(gone_at=None).values_list("kind", flat=True)) == {
        "instance",
        "volume",
        "parameters",
    }


def test_the_machines_own_arn_is_on_its_parameters(account: AWS, launched: Instance) -> None:
    environment.write(launched, {"A": "b"})
    environment.write(launched, {"A": "c"})
    name = f"{environment.path(launched.application)}/0"
    listed = account.ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
    tags = {tag["Key"]: tag["Value"] for tag in listed}
    assert tags["ecdeployer:instance"].endswith(f":instance/{launched.ec2_id}")


def test_what_was_only_asked_for_costs_nothing_to_end(account: AWS, instance: Instance) -> None:
    assert termination.terminate(instance)
    assert instance.state == "terminated"


def forget(launched: Instance, *, watched_before: bool = True) -> str:
    """As when the worker ended before it noted its launch. The machine's id."""
    Instance.objects.update(state="launching", ec2_id=None)
    LaunchAttempt.objects.update(outcome="prepared")
    days = timedelta(days=-1 if watched_before else 1)
    FleetWatch.objects.create(since=launched.created_at + days, swept_at=timezone.now())
    return launched.ec2_id or ""


@pytest.mark.parametrize("stopped", [False, True])
def test_a_launch_without_a_note_is_found_by_its_tag_and_ended(
    account: AWS, launched: Instance, stopped: bool
) -> None:
    ec2_id = forget(launched)
    if stopped:
        account.ec2.stop_instances(InstanceIds=[ec2_id])
    termination.terminate(launched)
    machine = ec2.find_machine(account, ec2_id)
    assert machine is None or machine.state in {"shutting-down", "terminated"}
    assert launched.state in {"shutting-down", "terminated"}


def test_one_of_before_a_restore_is_adopted_and_ends_when_somebody_asks(
    account: AWS, launched: Instance
) -> None:
    ec2_id = forget(launched, watched_before=False)
    termination.terminate(launched)
    assert (launched.state, launched.ec2_id) == ("running", ec2_id)
    forgotten = Instance.objects.filter(pk=launched.pk)
    forgotten.update(state="launching", ec2_id=None, end_asked_at=timezone.now())
    termination.terminate(launched)
    assert launched.state in {"shutting-down", "terminated"}


def test_a_launch_under_way_is_waited_for(account: AWS, instance: Instance) -> None:
    Instance.objects.update(state="launching")
    attempt = LaunchAttempt.objects.create(instance=instance, number=1, client_token="t")
    assert not termination.terminate(instance)
    assert instance.state == "launching"
    LaunchAttempt.objects.filter(pk=attempt.pk).update(created_at=timezone.now() - timedelta(minutes=6))
    assert termination.terminate(instance)
    assert instance.state == "failed"


def test_a_machine_that_ec2_does_not_know_yet_is_not_taken_for_gone(account: AWS, launched: Instance) -> None:
    Instance.objects.update(ec2_id="i-0123456789abcdef0", launched_at=timezone.now())
    assert not termination.terminate(launched)
    Instance.objects.update(launched_at=timezone.now() - timedelta(hours=1))
    # The machine that it has in truth is found by its tag, and keeps the ledger open.
    assert not termination.terminate(launched)
    assert launched.state == "terminated"
    assert launched.ledger.get(kind="instance").gone_at is None


def test_the_end_may_be_asked_for_again(account: AWS, launched: Instance) -> None:
    for _ in range(3):
        termination.terminate(launched)
        reconcile.sweep()
    assert termination.terminate(launched)


@pytest.fixture
def asked(launched: Instance) -> Instance:
    """Its application is to be ended, and its parameters were written."""
    environment.write(launched, {"SECRET": "x"})
    application = launched.application
    application.terminate_requested_at = timezone.now()
    application.save()
    return launched


def _sweep_and_end(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    woken: list[UUID] = []
    monkeypatch.setattr(reconcile, "wake_termination", woken.append)
    reconcile.sweep()
    for pk in woken:
        termination.terminate(Instance.objects.get(pk=pk))
    return woken


def test_parameters_that_aws_would_not_delete_are_asked_about_again(
    account: AWS, asked: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AWSError(code="ThrottlingException", message="", kind="throttled", retryable=True)

    termination.terminate(asked)
    reconcile.sweep()
    with monkeypatch.context() as patched:
        patched.setattr(ssm, "delete_environment", refuse)
        with pytest.raises(AWSError):
            termination.terminate(asked)
    assert _sweep_and_end(monkeypatch) == [asked.pk]
    assert _parameters(account, asked) == []
    assert _sweep_and_end(monkeypatch) == [asked.pk]
    assert _sweep_and_end(monkeypatch) == []


def test_a_disk_that_outlives_its_machine_is_told(
    account: AWS, asked: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(ec2, "find_volumes", lambda *_, **__: ["vol-1"])
        for _ in range(3):
            termination.terminate(asked)
            reconcile.sweep()
    assert asked.ledger.get(gone_at=None).kind == "volume"
    revision = Instance.objects.get().revision
    assert termination.terminate(asked)
    assert Instance.objects.get().revision > revision


def test_the_ledger_is_written_before_the_launch(
    account: AWS, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds: list[str] = []

    def note(*_: object) -> None:
        kinds.extend(instance.ledger.values_list("kind", flat=True))
        raise AWSError(code="InternalError", message="", kind="unavailable", retryable=True)

    monkeypatch.setattr(ec2, "run_instance", note)
    with pytest.raises(provisioning.LaunchPausedError):
        provisioning.launch(instance, render=lambda: b"")
    assert kinds == ["instance", "volume"]


def test_parameters_of_a_machine_that_others_ended_go_with_the_application(
    account: AWS, asked: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    Instance.objects.update(state="terminated")
    _sweep_and_end(monkeypatch)
    assert _parameters(account, asked) == []


def test_a_late_end_leaves_the_parameters_of_the_next_machine(account: AWS, launched: Instance) -> None:
    environment.write(launched, {"A": "b"})
    former = Instance.objects.create(application=launched.application, state="failed")
    assert termination.terminate(former)
    assert len(_parameters(account, launched)) == 1


def test_an_attempt_that_was_repeated_until_the_end_is_waited_for(
    account: AWS, asked: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    Instance.objects.update(state="launching", ec2_id=None)
    LaunchAttempt.objects.update(created_at=timezone.now() - timedelta(minutes=10))
    with monkeypatch.context() as patched:
        patched.setattr(ec2, "find_by_instance_tag", lambda *_: None)
        assert not termination.terminate(asked)
    assert asked.state == "launching"
    termination.terminate(asked)
    assert asked.state in {"shutting-down", "terminated"}


def test_an_end_by_the_portal_is_not_told_as_somebody_elses(account: AWS, launched: Instance) -> None:
    reconcile.sweep()
    termination.terminate(launched)
    Instance.objects.update(state="shutting-down", terminated_at=None)
    reconcile.sweep()
    launched.refresh_from_db()
    assert (launched.state, launched.reason) == ("terminated", "")
