"""From what a person wants to what the machine has confirmed."""

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application
from ecdeployer.cloud_init.parameters import DeploymentParameters
from ecdeployer.commands.models import Command
from ecdeployer.commands.report_bodies import Report
from ecdeployer.commands.reports import apply
from ecdeployer.deployments import endings
from ecdeployer.deployments.actions import RefusedError
from ecdeployer.deployments.parameters import check_token, parameters_of
from ecdeployer.deployments.states import DeploymentState, StepName
from ecdeployer.instances.states import InstanceState
from ecdeployer.maintenance import actions, provisioning
from ecdeployer.maintenance.models import Maintenance

from tests import portal_records as records
from user_data.maintenance import read_wanted


def switch_on(application: Application, by: User | None = None, **more: Any) -> Maintenance:
    return actions.change(application, by=by, is_on=True, **more)


def told() -> Command:
    return Command.objects.filter(action="maintenance").order_by("-created_at")[0]


def finish(command: Command, code: int = 0) -> None:
    apply(command.pk, Report(offset=0, next=0, text="", exit_code=code))


def look(application: Application) -> Command | None:
    """As beat does later on."""
    Maintenance.objects.update(due_at=timezone.now())
    return provisioning.look(application.pk)


def row() -> Maintenance:
    return Maintenance.objects.select_related("machine").get()


def test_the_machine_is_told_all_of_it_and_confirms(bakery: Application, ines: User) -> None:
    switch_on(bakery, ines, addresses=["203.0.113.0/24"], message="Back <b>soon</b>")
    command = told()
    assert command.arguments == row().wanted
    assert read_wanted(command.arguments)["on"] is True
    instance = bakery.instances.get()
    assert not row().is_confirmed_by(instance)
    finish(command)
    assert row().is_confirmed_by(instance)
    assert look(bakery) is None
    assert Command.objects.count() == 1


def test_what_was_overtaken_confirms_nothing(bakery: Application) -> None:
    switch_on(bakery)
    first = told()
    actions.change(bakery, by=None, is_on=False)
    finish(first)
    assert row().confirmed == 0
    finish(told())
    assert row().confirmed == row().revision == 2


def test_it_is_told_again_until_it_has_confirmed_and_ever_less_often(bakery: Application) -> None:
    switch_on(bakery)
    assert look(bakery) is None, "it is on its way"
    waits = []
    for _ in range(12):
        finish(told(), code=1)
        assert look(bakery) is not None
        waits.append(round((row().due_at - timezone.now()).total_seconds() / 10))
    assert waits == sorted(waits)
    assert dt.timedelta(seconds=10 * waits[-1]) == provisioning.LONGEST
    assert not bakery.events.filter(subject="command").exists()
    finish(told())
    assert (row().failures, row().confirmed) == (0, 1)


def test_two_workers_tell_once(bakery: Application) -> None:
    switch_on(bakery)
    finish(told(), code=1)
    assert look(bakery) is not None
    assert provisioning.look(bakery.pk) is None


def test_a_new_machine_confirms_for_itself(bakery: Application) -> None:
    switch_on(bakery)
    finish(told())
    newer = records.make_instance(bakery, InstanceState.RUNNING)
    records.make_deployment(newer, DeploymentState.SUCCEEDED)
    command = look(bakery)
    assert command is not None
    assert command.instance == newer
    finish(command)
    assert row().is_confirmed_by(newer)


@pytest.mark.parametrize("make", [records.make_stopped, records.make_queued, records.make_refused])
def test_without_a_machine_nobody_is_told(ines: User, make: Any) -> None:
    application = make(ines).application
    switch_on(application)
    assert look(application) is None
    assert not Command.objects.filter(action="maintenance").exists()
    assert row().due_at > timezone.now()


def test_an_application_that_ends_has_no_maintenance(ines: User) -> None:
    application = records.make_terminated(ines).application
    with pytest.raises(RefusedError):
        switch_on(application)
    assert not Maintenance.objects.exists()


def test_the_same_again_is_no_change(bakery: Application, ines: User) -> None:
    switch_on(bakery, ines)
    since = row().since
    switch_on(bakery, ines)
    assert (row().since, row().revision, Command.objects.count()) == (since, 1, 1)
    actions.change(bakery, by=ines, message="Hello")
    assert row().since == since
    verbs = list(
        bakery.events.filter(verb__startswith="maintenance").order_by("id").values_list("verb", flat=True)
    )
    assert verbs == ["maintenance switched on", "maintenance changed"]


def test_a_deployment_that_ended_badly_has_its_machine_told_again(ines: User) -> None:
    running = records.make_running(ines, at=StepName.MIGRATE)
    bakery = running.application
    actions.change(bakery, by=ines, around_deployments=True)
    Maintenance.objects.update(confirmed=1, machine=running.instance)
    endings.fail(running, StepName.MIGRATE, code="x", reason="x")
    assert row().confirmed == 0
    assert row().due_at <= timezone.now()


def make_parameters(application: Application) -> DeploymentParameters:
    deployment = application.deployments.get()
    deployment.facts = {"project_directory": "bakery", "settings_module": "bakery.settings"}
    return parameters_of(deployment)


def test_a_deployment_carries_it(bakery: Application) -> None:
    assert make_parameters(bakery).maintenance == {}
    switch_on(bakery)
    assert make_parameters(bakery).maintenance == row().wanted


def test_the_token_of_a_check_is_that_of_the_release(bakery: Application) -> None:
    deployment = bakery.deployments.get()
    assert check_token(deployment) in make_parameters(bakery).to_json()
    back = records.make_deployment(deployment.instance, DeploymentState.RUNNING, rolls_back_to=deployment)
    assert check_token(back) == check_token(deployment)
