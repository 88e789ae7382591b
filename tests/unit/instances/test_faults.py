"""Every refusal that is in the table, at every call: what becomes of it (docs/faults.md)."""

from collections.abc import Callable

import pytest
from ecdeployer.aws import ec2, ssm
from ecdeployer.aws.errors import RULES, AWSError
from ecdeployer.aws.faults_page import BEHAVIOUR
from ecdeployer.aws.session import AWS
from ecdeployer.instances import environment, ledger, provisioning, reconcile, termination
from ecdeployer.instances.models import Instance, LaunchQueue
from ecdeployer.instances.provisioning import LaunchFailedError, LaunchPausedError
from ecdeployer.instances.tasks import check_status, terminate_instance
from ecdeployer.instances.tasks import reconcile as reconcile_task

pytestmark = pytest.mark.django_db
#: What a refused launch raises first, by the rule's kind and whether the same request may be sent again.
PAUSES = {"throttled", "unavailable", "limit", "paused", "capacity", "mismatch"}
HOLDS = {"limit", "paused", "credentials"}


def error_of(code: str) -> AWSError:
    rule = RULES[code]
    return AWSError(code=code, message="said", kind=rule.kind, retryable=rule.retryable, person=rule.person)


def refusing(code: str) -> Callable[..., object]:
    def refuse(*_: object, **__: object) -> object:
        raise error_of(code)

    return refuse


def live(aws: AWS) -> int:
    found = aws.ec2.describe_instances()["Reservations"]
    return sum(each["State"]["Name"] != "terminated" for group in found for each in group["Instances"])


@pytest.mark.parametrize("code", RULES)
def test_a_refused_launch(
    account: AWS,
    instance: Instance,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    code: str,
) -> None:
    rule = RULES[code]
    waits = rule.kind in PAUSES or rule.retryable
    with monkeypatch.context() as patched:
        patched.setattr(ec2, "run_instance", refusing(code))
        # A used token whose machine is not listed is waited for; this one has been for long enough.
        patched.setattr(provisioning, "_is_young", lambda _: False)
        with pytest.raises(LaunchPausedError if waits else LaunchFailedError) as refusal:
            provisioning.launch(instance, render=lambda: b"user data")
    instance.refresh_from_db()
    assert str(refusal.value)
    assert "said" not in str(refusal.value)
    assert (LaunchQueue.objects.get().held_until is not None) == (rule.kind in HOLDS)
    held_for = BEHAVIOUR[rule.kind].holds
    assert (f"launches are held for {held_for} s" in caplog.text) == (rule.kind in HOLDS)
    assert (f"instance {instance.pk}: {code}: said" in caplog.text) == (rule.kind != "mismatch")
    first = instance.launch_attempts.get()
    assert first.outcome == ("prepared" if rule.retryable else "failed")
    assert live(account) == 0
    if not waits:
        assert instance.state == "failed"
        return
    LaunchQueue.objects.update(tokens=5, held_until=None)
    provisioning.launch(instance, render=lambda: b"user data")
    instance.refresh_from_db()
    assert instance.ec2_id
    assert live(account) == 1
    assert instance.launch_attempts.count() == (1 if rule.retryable else 2)


@pytest.fixture
def launched(account: AWS, instance: Instance) -> Instance:
    provisioning.launch(instance, render=lambda: b"user data")
    environment.write(instance, {"A": "secret-value"})
    reconcile.sweep()
    instance.refresh_from_db()
    return instance


@pytest.mark.parametrize("code", RULES)
def test_a_refused_sweep_changes_nothing(
    launched: Instance, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    before = Instance.objects.values().get()
    monkeypatch.setattr(ec2, "find_machines", refusing(code))
    monkeypatch.setattr(ec2, "find_impaired", refusing(code))
    reconcile_task()
    check_status()
    assert Instance.objects.values().get() == before
    assert caplog.text.count(code) == 2


@pytest.mark.parametrize("code", RULES)
def test_a_refused_end_is_asked_for_again(
    account: AWS,
    launched: Instance,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    code: str,
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(ec2, "terminate", refusing(code))
        terminate_instance(str(launched.pk))
    launched.refresh_from_db()
    assert launched.state == "running"
    assert (code in caplog.text) == (RULES[code].kind != "not-found")
    assert termination.terminate(launched) is False
    assert launched.state in {"shutting-down", "terminated"}


@pytest.mark.parametrize("code", RULES)
def test_what_is_left_stays_in_the_ledger_while_aws_refuses(
    account: AWS, launched: Instance, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    account.ec2.terminate_instances(InstanceIds=[launched.ec2_id or ""])
    reconcile.sweep()
    launched.refresh_from_db()
    for module, name in ((ec2, "find_volumes"), (ssm, "delete_environment"), (ec2, "find_machines")):
        with monkeypatch.context() as patched:
            patched.setattr(module, name, refusing(code))
            with pytest.raises(AWSError):
                ledger.verify(launched)
    assert launched.ledger.filter(gone_at=None).count() == 3
    assert ledger.verify(launched) or ledger.verify(launched)


@pytest.mark.parametrize("code", RULES)
def test_no_value_is_told_when_parameters_are_refused(
    launched: Instance, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    monkeypatch.setattr(ssm, "put_environment", refusing(code))
    with pytest.raises(AWSError) as refusal:
        environment.write(launched, {"A": "secret-value"})
    assert "secret-value" not in f"{refusal.value} {refusal.value.person} {refusal.value.operator}"
