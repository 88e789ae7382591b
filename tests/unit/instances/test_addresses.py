"""Elastic IPs: asked for once, led to their machine, given back; what AWS refuses harms no deployment."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.utils import timezone
from ecdeployer.aws import addresses as aws_addresses
from ecdeployer.aws import tags
from ecdeployer.aws.errors import RULES, AWSError
from ecdeployer.aws.session import AWS
from ecdeployer.instances import addresses, ledger, provisioning, reconcile, spending, termination
from ecdeployer.instances.models import Address, FleetWatch, Instance, LedgerEntry, Usage
from ecdeployer.instances.states import InstanceState

pytestmark = pytest.mark.django_db
ENOUGH = timedelta(minutes=6)


def error_of(code: str) -> AWSError:
    rule = RULES[code]
    return AWSError(code=code, message="said", kind=rule.kind, retryable=rule.retryable, person=rule.person)


def refusing(code: str) -> Callable[..., object]:
    def refuse(*_: object, **__: object) -> object:
        raise error_of(code)

    return refuse


def held(account: AWS) -> list[dict[str, Any]]:
    return list(account.ec2.describe_addresses()["Addresses"])  # type: ignore[arg-type]


@pytest.fixture
def running(account: AWS, instance: Instance) -> Instance:
    """Launched with an address, and seen to run."""
    addresses.ensure(instance)
    provisioning.launch(instance, render=lambda: b"user data")
    reconcile.sweep()
    instance.refresh_from_db()
    return instance


@pytest.fixture
def led(running: Instance) -> Instance:
    assert addresses.point(running)
    running.refresh_from_db()
    return running


def test_one_address_however_often_it_is_asked_for(
    account: AWS, instance: Instance, calls: list[str]
) -> None:
    for _ in range(3):
        addresses.ensure(instance)
    [made] = held(account)
    row = Address.objects.get()
    assert (row.public_ip, row.allocation_id) == (made["PublicIp"], made["AllocationId"])
    assert calls == ["DescribeAddresses", "AllocateAddress", "DescribeAddresses"]
    assert {"Key": tags.ADDRESS, "Value": str(row.pk)} in made["Tags"]
    assert instance.ledger.get().kind == LedgerEntry.Kind.ADDRESS


def test_what_a_killed_worker_made_is_found_again(
    account: AWS, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = aws_addresses.allocate

    def lost(*given: Any, **named: Any) -> Any:
        real(*given, **named)
        raise error_of("RequestTimeout")

    with monkeypatch.context() as patched:
        patched.setattr(aws_addresses, "allocate", lost)
        with pytest.raises(AWSError):
            addresses.ensure(instance)
    assert Address.objects.get().allocation_id is None
    addresses.ensure(instance)
    assert [Address.objects.get().public_ip] == [each["PublicIp"] for each in held(account)]


def test_it_leads_to_the_machine_and_the_row_says_so(account: AWS, led: Instance, calls: list[str]) -> None:
    [made] = held(account)
    assert made["InstanceId"] == led.ec2_id
    assert led.public_ip == made["PublicIp"] == led.elastic.public_ip
    calls.clear()
    assert addresses.point(led)
    assert calls == []
    assert addresses.known_of(led.application) == [made["PublicIp"]]


def test_a_machine_that_does_not_run_yet_is_waited_for(account: AWS, instance: Instance) -> None:
    addresses.ensure(instance)
    assert not addresses.point(instance)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """AWS's answers without an account: what is not given succeeds."""
    made = aws_addresses.Elastic(allocation_id="eipalloc-1", public_ip="198.51.100.4")

    def replace(**answers: object) -> None:
        plain = {"find": lambda *_, **__: [], "allocate": lambda *_, **__: made}
        plain |= {"associate": lambda *_: None, "release": lambda *_: None}
        for name, answer in (plain | answers).items():
            monkeypatch.setattr(aws_addresses, name, answer)

    return replace


@pytest.mark.parametrize("code", RULES)
def test_what_aws_refuses(instance: Instance, fake: Callable[..., None], code: str) -> None:
    """Tried again where that helps, or else the site goes on without, and its page says why."""
    fake(allocate=refusing(code))
    if RULES[code].retryable and RULES[code].kind != "limit":
        with pytest.raises(AWSError):
            addresses.ensure(instance)
    else:
        addresses.ensure(instance)
        assert Address.objects.get().refused == RULES[code].person
    assert Address.objects.get().allocation_id is None
    fake()
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        addresses.ensure(instance)
    row = Address.objects.get()
    assert (row.refused, row.public_ip) == ("", "198.51.100.4")


@pytest.mark.parametrize("code", RULES)
def test_a_refused_association_is_tried_again(
    instance: Instance, fake: Callable[..., None], code: str
) -> None:
    fake(associate=refusing(code))
    addresses.ensure(instance)
    instance.state, instance.ec2_id = InstanceState.RUNNING, "i-1"
    instance.save()
    if RULES[code].retryable:
        with pytest.raises(AWSError):
            addresses.point(instance)
    else:
        assert addresses.point(instance)
        assert Address.objects.get().refused == RULES[code].person
    assert not Address.objects.get().leads
    fake()
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        assert addresses.point(instance)
    assert Address.objects.get().leads


@pytest.mark.parametrize("code", RULES)
def test_a_refused_release_stays_in_the_ledger(
    instance: Instance, fake: Callable[..., None], code: str
) -> None:
    fake()
    addresses.ensure(instance)
    instance.move(InstanceState.FAILED)
    there = aws_addresses.Elastic(allocation_id="eipalloc-1", public_ip="198.51.100.4")
    fake(release=refusing(code), find=lambda *_, **__: [there])
    if RULES[code].kind == "not-found":
        assert not ledger.verify(instance)
    else:
        with pytest.raises(AWSError):
            ledger.verify(instance)
    assert instance.ledger.filter(gone_at=None).exists()
    fake()
    assert ledger.verify(instance)
    assert Address.objects.get().gone_at


def end(account: AWS, instance: Instance) -> None:
    account.ec2.terminate_instances(InstanceIds=[instance.ec2_id or ""])
    for each in account.ec2.describe_addresses()["Addresses"]:
        if each.get("InstanceId") == instance.ec2_id and "AssociationId" in each:
            account.ec2.disassociate_address(AssociationId=each["AssociationId"])
    reconcile.sweep()
    instance.refresh_from_db()


def test_it_is_given_back_with_the_last_machine(account: AWS, led: Instance) -> None:
    led.application.terminate_requested_at = timezone.now()
    led.application.save()
    end(account, led)
    assert not termination.terminate(led)
    assert held(account) == []
    assert termination.terminate(led)
    row = Address.objects.get()
    assert row.gone_at
    assert row.instance is None
    assert not Usage.objects.filter(until=None).exists()


def test_a_worker_that_comes_after_the_end_asks_for_none(account: AWS, led: Instance) -> None:
    """Its address is on the way back to AWS, and still named beside the machine."""
    Instance.objects.filter(pk=led.pk).update(state=InstanceState.TERMINATED)
    Address.objects.update(release_asked_at=timezone.now())
    addresses.ensure(led)
    assert Address.objects.count() == len(held(account)) == 1


def test_it_stays_for_another_machine_of_the_application(account: AWS, led: Instance) -> None:
    other = Instance.objects.create(application=led.application, instance_type="t3.micro")
    end(account, led)
    assert not ledger.verify(led)
    addresses.ensure(other)
    assert ledger.verify(led)
    [made] = held(account)
    assert other.elastic.public_ip == made["PublicIp"]
    assert other.ledger.filter(kind=LedgerEntry.Kind.ADDRESS).exists()


def test_an_address_that_was_led_elsewhere_is_led_back(
    account: AWS, led: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[object] = []
    monkeypatch.setattr("ecdeployer.instances.held_addresses.wake_address", woken.append)
    [made] = held(account)
    account.ec2.disassociate_address(AssociationId=made["AssociationId"])
    reconcile.sweep()
    assert Address.objects.get().leads
    with time_machine.travel(timezone.now() + ENOUGH):
        reconcile.sweep()
        assert woken == [led.pk]
        led.refresh_from_db()
        assert addresses.point(led)
    [made] = held(account)
    assert made["InstanceId"] == led.ec2_id


def test_an_address_that_somebody_gave_back_is_asked_for_anew(account: AWS, led: Instance) -> None:
    [made] = held(account)
    account.ec2.disassociate_address(AssociationId=made["AssociationId"])
    account.ec2.release_address(AllocationId=made["AllocationId"])
    with time_machine.travel(timezone.now() + ENOUGH):
        reconcile.sweep()
        assert Address.objects.get().gone_at
        addresses.ensure(led)
    assert Address.objects.filter(gone_at=None).get().public_ip == held(account)[0]["PublicIp"]


def test_an_address_that_was_out_of_sight_for_a_while_is_not_given_back(
    account: AWS, led: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    with time_machine.travel(timezone.now() + ENOUGH):
        with monkeypatch.context() as patch:
            patch.setattr(aws_addresses, "find", lambda *_, **__: [])
            patch.setattr(aws_addresses, "find_by_ids", lambda *_: [])
            reconcile.sweep()
        assert Address.objects.get().gone_at
        reconcile.sweep()
    assert len(held(account)) == 1


def stray(account: AWS, row: object, *, minutes: float) -> str:
    tag = tags.address_tags(
        prefix="sites",
        application="x",
        address=str(row),
        asked_at=timezone.now() - timedelta(minutes=minutes),
        name="stray",
    )
    return aws_addresses.allocate(account, tag=tag).public_ip


@pytest.fixture
def watched(db: None) -> None:
    FleetWatch.objects.create(since=timezone.now() - timedelta(days=1), swept_at=timezone.now())


def test_addresses_that_no_row_knows_are_given_back(account: AWS, instance: Instance, watched: None) -> None:
    addresses.ensure(instance)
    mine = Address.objects.get()
    second = stray(account, mine.pk, minutes=6)
    old, young = stray(account, uuid4(), minutes=6), stray(account, uuid4(), minutes=4)
    foreign = account.ec2.allocate_address(Domain="vpc")["PublicIp"]
    assert reconcile.sweep() == 2
    left = {each["PublicIp"] for each in held(account)}
    assert left == {mine.public_ip, young, foreign}
    assert not left & {old, second}


def test_what_an_empty_database_does_not_know_is_kept(
    account: AWS, caplog: pytest.LogCaptureFixture, db: None
) -> None:
    stray(account, uuid4(), minutes=6)
    assert reconcile.sweep() == 0
    assert len(held(account)) == 1
    assert "addresses are held that this database knows nothing of" in caplog.text


def test_more_than_a_few_are_an_error_and_no_strays(
    account: AWS, watched: None, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(6):
        stray(account, uuid4(), minutes=6)
    assert reconcile.sweep() == 0
    assert len(held(account)) == 6
    assert "too many to be believed" in caplog.text


def test_a_sweep_goes_on_without_addresses_where_aws_says_nothing_of_them(
    account: AWS, running: Instance, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(aws_addresses, "find", refusing("UnauthorizedOperation"))
    account.ec2.stop_instances(InstanceIds=[running.ec2_id or ""])
    assert reconcile.sweep() == 1
    assert "addresses are not looked at" in caplog.text


def test_a_stopped_machine_pays_for_the_address_that_waits_for_it(account: AWS, led: Instance) -> None:
    account.ec2.stop_instances(InstanceIds=[led.ec2_id or ""])
    reconcile.sweep()
    open_kinds = set(Usage.objects.filter(until=None).values_list("kind", flat=True))
    assert open_kinds == {"disk", "address"}
    assert spending.of_application(led.application_id).monthly
