"""Launches, ends, sweeps, kills and lost answers in any order: the invariants of docs/reliability.md.

The long form: ``FLEET=long ./scripts/test unit -- tests/unit/fleet``.
"""

import datetime as dt
import os
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace
from uuid import UUID

import pytest
import time_machine
from ecdeployer.accounts.models import User
from ecdeployer.alerts.models import Notification
from ecdeployer.applications import actions
from ecdeployer.applications.models import Application
from ecdeployer.aws import addresses as aws_addresses
from ecdeployer.aws import ec2
from ecdeployer.aws.errors import AWSError
from ecdeployer.commands.models import Command
from ecdeployer.deployments import endings
from ecdeployer.deployments.models import Deployment
from ecdeployer.deployments.states import StepName
from ecdeployer.figures.models import Gauge, Sample, Watch
from ecdeployer.instances import (
    addresses,
    environment,
    infrastructure,
    launch_queue,
    provisioning,
    reconcile,
    termination,
)
from ecdeployer.instances.models import (
    Address,
    FleetWatch,
    GoldenImage,
    Instance,
    LaunchAttempt,
    LaunchQueue,
    LedgerEntry,
    Usage,
)
from ecdeployer.instances.provisioning import LaunchFailedError, LaunchPausedError
from ecdeployer.instances.states import InstanceState
from ecdeployer.machines.models import Change
from ecdeployer.maintenance.models import Maintenance
from hypothesis import HealthCheck
from hypothesis import settings as profile
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pytest_django import Settings

from .fake_ec2 import FakeEC2, Killed

LONG = os.environ.get("FLEET") == "long"
CODES = [
    "RequestLimitExceeded",
    "InternalError",
    "InsufficientInstanceCapacity",
    "VcpuLimitExceeded",
    "UnauthorizedOperation",
    "ExpiredToken",
    "AuthFailure",
    "PendingVerification",
]
FAULTS = st.one_of(
    st.just(("", "")),
    st.tuples(st.sampled_from(["killed", "lost"]), st.sampled_from(["before", "after"])),
    st.tuples(st.sampled_from(CODES), st.just("before")),
)
ENDED = (InstanceState.FAILED, InstanceState.TERMINATED)
CURRENT: list[FakeEC2] = []
WOKEN: list[UUID] = []


class Fleet(RuleBasedStateMachine):
    """Three owners, workers that die, and an EC2 that lists late and loses answers."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = time_machine.travel(dt.datetime(2026, 1, 1, tzinfo=dt.UTC), tick=False)
        self.time = self.clock.start()
        for model in (
            Maintenance,
            Command,
            Gauge,
            Sample,
            Watch,
            Notification,
            Change,
            Deployment,
            Address,
            Usage,
            LedgerEntry,
            LaunchAttempt,
            Instance,
            Application,
            LaunchQueue,
            FleetWatch,
        ):
            model.objects.all().delete()
        self.cloud = FakeEC2()
        CURRENT[:] = [self.cloud]
        self.moves: dict[UUID, list[str]] = {}

    def teardown(self) -> None:
        try:
            self._settle()
        finally:
            self.clock.stop()

    @initialize()
    def begin(self) -> None:
        reconcile.sweep()

    @rule(owner=st.sampled_from(["ann", "bob", "eve"]))
    def ask_for_a_site(self, owner: str) -> None:
        person, _ = User.objects.get_or_create(username=owner)
        name = f"site-{Application.objects.count()}"
        actions.create_application(
            owner=person, by=person, trigger=Deployment.Trigger.PAGE, environment={}, name=name,
            project_name="shop", github_url="https://github.com/o/r", instance_type="t3.micro",
        )  # fmt: skip

    @precondition(lambda self: Instance.objects.exists())
    @rule(data=st.data(), fault=FAULTS, late=st.integers(0, 120))
    def launch(self, data: st.DataObject, fault: tuple[str, str], late: int) -> None:
        instance = data.draw(
            st.sampled_from(list(Instance.objects.order_by("application__name", "created_at")))
        )
        if not instance.deployments.filter(state__in=("queued", "running")).exists():
            return
        self.cloud.fault, self.cloud.delay = fault, dt.timedelta(seconds=late)
        self._launch(instance)
        self.cloud.fault = ("", "")

    def _launch(self, instance: Instance) -> None:
        number = LaunchAttempt.objects.count()
        try:
            addresses.ensure(instance)
            provisioning.launch(instance, render=lambda: b"user data %d" % number)
        except LaunchFailedError as error:
            deployment = instance.deployments.latest("number")
            endings.fail(deployment, StepName.LAUNCH, code=error.code, reason=error.reason)
        except (LaunchPausedError, AWSError, Killed):
            pass

    @precondition(lambda self: Application.objects.exists())
    @rule(data=st.data(), cancel=st.booleans())
    def call_off(self, data: st.DataObject, cancel: bool) -> None:
        application = data.draw(st.sampled_from(list(Application.objects.order_by("name"))))
        with suppress(actions.RefusedError):
            (actions.cancel if cancel else actions.terminate)(application, by=None)

    @precondition(lambda self: Deployment.objects.filter(state="queued").exists())
    @rule(data=st.data())
    def fail_a_deployment(self, data: st.DataObject) -> None:
        waiting = Deployment.objects.filter(state="queued").order_by("application__name", "number")
        endings.fail(data.draw(st.sampled_from(list(waiting))), StepName.BOOT, code="x", reason="It failed.")

    @precondition(lambda self: bool(self.cloud.live()))
    @rule(data=st.data())
    def somebody_ends_a_machine(self, data: st.DataObject) -> None:
        self.cloud.end(data.draw(st.sampled_from(self.cloud.live())))

    @precondition(lambda self: Instance.objects.filter(state="running").exists())
    @rule(data=st.data(), fault=FAULTS)
    def lead_the_address(self, data: st.DataObject, fault: tuple[str, str]) -> None:
        running = Instance.objects.filter(state="running").order_by("application__name", "created_at")
        self.cloud.fault = fault
        self._lead(data.draw(st.sampled_from(list(running))))
        self.cloud.fault = ("", "")

    def _lead(self, instance: Instance) -> None:
        with suppress(AWSError, Killed):
            addresses.point(instance)

    @precondition(lambda self: bool(self.cloud.elastic))
    @rule(data=st.data())
    def somebody_moves_an_address(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, len(self.cloud.elastic) - 1))
        self.cloud.elastic[number] = replace(self.cloud.elastic[number], ec2_id="")

    @rule(seconds=st.sampled_from([1, 5, 30, 120, 310, 1200]))
    def wait(self, seconds: int) -> None:
        self.time.shift(seconds)

    @rule(fault=FAULTS)
    def sweep(self, fault: tuple[str, str]) -> None:
        self.cloud.fault = fault
        self._sweep()
        self.cloud.fault = ("", "")

    def _sweep(self) -> None:
        WOKEN.clear()
        try:
            reconcile.sweep()
            for pk in list(WOKEN):
                self._end(pk)
        except Killed:
            pass

    def _end(self, pk: UUID) -> None:
        with suppress(AWSError):
            termination.terminate(Instance.objects.select_related("application").get(pk=pk))

    @invariant()
    def one_machine_for_an_attempt_and_for_a_row(self) -> None:
        attempts = [each.request.client_token for each in self.cloud.made]
        assert len(attempts) == len(set(attempts))
        rows = [each.machine.tags["ecdeployer:instance"] for each in self.cloud.live()]
        assert len(rows) == len(set(rows))

    @invariant()
    def no_address_leads_to_anothers_machine(self) -> None:
        of_machine = {
            ec2_id: str(pk) for ec2_id, pk in Instance.objects.values_list("ec2_id", "application_id")
        }
        for each in self.cloud.elastic:
            if each.ec2_id:
                assert of_machine[each.ec2_id] == each.tags["ecdeployer:application"]

    @invariant()
    def every_machine_has_a_row_and_an_attempt(self) -> None:
        tokens = set(LaunchAttempt.objects.values_list("client_token", flat=True))
        assert {each.request.client_token for each in self.cloud.made} <= tokens

    @invariant()
    def every_row_says_what_its_machine_and_deployments_do(self) -> None:
        assert not list(Application.objects.stale())

    @invariant()
    def no_state_goes_back(self) -> None:
        for pk, state in Instance.objects.values_list("pk", "state"):
            seen = self.moves.setdefault(pk, [])
            if not seen or seen[-1] != state:
                assert state not in seen, (seen, state)
                seen.append(state)

    @invariant()
    def nothing_secret_is_kept_of_an_attempt_that_has_ended(self) -> None:
        assert not LaunchAttempt.objects.exclude(outcome="prepared").exclude(user_data=None).exists()

    def _settle(self) -> None:
        """With workers that live everything comes to its end, in a few hours at most."""
        for _ in range(120):
            self.time.shift(30)
            self._sweep()
            launch_queue.give_turns()
            for instance in Instance.objects.filter(state="running"):
                self._lead(instance)
            for instance in Instance.objects.filter(state__in=("requested", "launching")):
                if instance.deployments.filter(state__in=("queued", "running")).exists():
                    self._launch(instance)
            self.no_state_goes_back()
        self.one_machine_for_an_attempt_and_for_a_row()
        live = {each.machine.ec2_id for each in self.cloud.live()}
        owned = set(Instance.objects.exclude(state__in=ENDED).values_list("ec2_id", flat=True))
        assert owned == live
        for deployment in Deployment.objects.filter(state="queued"):
            assert deployment.instance.state in {InstanceState.RUNNING, *ENDED}
        ended = Instance.objects.filter(application__terminate_requested_at__isnull=False)
        assert not ended.exclude(state__in=ENDED).exists()
        held = {each.allocation_id: each.ec2_id for each in self.cloud.elastic}
        rows = Address.objects.filter(gone_at=None).exclude(allocation_id=None)
        assert {row.allocation_id for row in rows} == set(held)
        for row in rows:
            assert row.instance is not None
            if row.instance.state == InstanceState.RUNNING:
                assert held[row.allocation_id or ""] == row.instance.ec2_id
        left = Instance.objects.filter(state__in=ENDED, ledger__gone_at=None, ledger__isnull=False)
        assert not left.exists()


@pytest.mark.django_db
def test_the_promise_holds_in_any_order(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    settings.MACHINES = settings.MACHINES_PER_OWNER = 10_000
    elastic = {
        "allocate": "allocate", "find": "find_elastic", "find_by_ids": "find_elastic_by_ids",
        "associate": "associate", "release": "release",
    }  # fmt: skip
    for real, name in elastic.items():
        monkeypatch.setattr(
            aws_addresses,
            real,
            lambda *given, _name=name, **named: getattr(CURRENT[0], _name)(*given, **named),
        )
    monkeypatch.setattr("ecdeployer.instances.held_addresses.wake_address", lambda _: None)
    names = (
        "default_subnets", "run_instance", "terminate", "find_machines", "find_by_instance_tag",
        "find_by_ids", "find_machine", "find_volumes",
    )  # fmt: skip
    for name in names:
        monkeypatch.setattr(
            ec2, name, lambda *given, _name=name, **named: getattr(CURRENT[0], _name)(*given, **named)
        )
    found = SimpleNamespace(launch_template_id="lt-1", launch_template_version="1")
    monkeypatch.setattr(infrastructure, "find", lambda _: found)
    monkeypatch.setattr(environment, "delete", lambda _: 0)
    # Zones are chosen by the row's key, which is random.
    monkeypatch.setattr("zlib.crc32", lambda _: 0)
    monkeypatch.setattr(reconcile, "wake_termination", WOKEN.append)
    GoldenImage.objects.create(ami_id="ami-1", name="golden", base_ami_id="ami-0", script_sha256="0" * 64)
    run_state_machine_as_test(Fleet, settings=PROFILE)


PROFILE = profile(
    max_examples=400 if LONG else 25,
    stateful_step_count=60 if LONG else 30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
