"""Another machine takes the place of the one that serves: in order, or not at all."""

from typing import Any
from unittest.mock import Mock, create_autospec

import pytest
from django.utils import timezone
from ecdeployer.applications import actions as applications
from ecdeployer.applications.models import Application
from ecdeployer.applications.overview import read_overview
from ecdeployer.applications.states import Status
from ecdeployer.aws.errors import AWSError
from ecdeployer.commands import moving
from ecdeployer.commands.models import Command
from ecdeployer.deployments import health, releases
from ecdeployer.deployments.actions import RefusedError
from ecdeployer.deployments.models import Deployment
from ecdeployer.deployments.provisioning import advance
from ecdeployer.deployments.states import DeploymentState
from ecdeployer.instances.models import Address, Instance
from ecdeployer.instances.states import InstanceState
from ecdeployer.machines import actions
from pytest_django import Settings

from tests import portal_records as records

from .world import GOOD, World

PAGE = Deployment.Trigger.PAGE


@pytest.fixture
def bakery(db: None) -> Application:
    """Live, at an Elastic IP."""
    live = records.make_live(records.make_person("ines"))
    Address.objects.create(
        application=live.application,
        instance=live.instance,
        allocation_id="eipalloc-1",
        public_ip=live.instance.public_ip,
        leads_at=timezone.now(),
    )
    return live.application


@pytest.fixture(autouse=True)
def messages(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    sent: list[tuple[str, Any]] = []
    monkeypatch.setattr("celery.current_app.send_task", lambda name, args, **_: sent.append((name, args)))
    return sent


@pytest.fixture
def carried(monkeypatch: pytest.MonkeyPatch) -> dict[str, Mock]:
    """The machines' part of a move, which has succeeded."""
    doubles = {}
    for real in (moving.carry, moving.hold):
        doubles[real.__name__] = create_autospec(real, return_value=True)
        monkeypatch.setattr(moving, real.__name__, doubles[real.__name__])
    return doubles


def look(deployment: Deployment) -> Deployment:
    Deployment.objects.filter(pk=deployment.pk).update(due_at=timezone.now(), claimed_until=None)
    advance(deployment.pk)
    return Deployment.objects.select_related("instance").get(pk=deployment.pk)


def step(deployment: Deployment, name: str) -> str:
    return str(deployment.steps.get(name=name).state)


def served(deployment: Deployment) -> Deployment:
    """The new machine has given its verdict, and the portal has seen its page."""
    for _ in range(3):
        deployment = look(deployment)
    Instance.objects.filter(pk=deployment.instance_id).update(
        state=InstanceState.RUNNING, public_ip="203.0.113.99", private_ip="10.0.1.99"
    )
    Deployment.objects.filter(pk=deployment.pk).update(result=GOOD, heard_at=timezone.now())
    return look(deployment)


@pytest.fixture
def rebuild(bakery: Application, world: World, carried: dict[str, Mock]) -> Deployment:
    return actions.rebuild(bakery, by=bakery.owner, trigger=PAGE)


def machines(application: Application) -> tuple[Instance, Instance]:
    """The first and the second."""
    first, second = application.instances.order_by("created_at")
    return first, second


def test_a_second_machine_gets_what_is_live(bakery: Application, rebuild: Deployment) -> None:
    old, new = machines(bakery)
    assert (rebuild.kind, rebuild.instance, new.spare, old.spare) == ("rebuild", new, True, False)
    assert rebuild.commit_sha == releases.live(bakery).commit_sha  # type: ignore[union-attr]
    assert [each.name for each in rebuild.steps.all()][-3:] == ["health", "move", "address"]


def test_meanwhile_pages_tell_of_the_machine_that_serves(bakery: Application, rebuild: Deployment) -> None:
    rebuild = look(rebuild)
    old, _ = machines(bakery)
    bakery.refresh_from_db()
    overview = read_overview(bakery)
    assert (bakery.status, bakery.serves) == (Status.DEPLOYING, True)
    assert overview.instance == old
    assert overview.address == f"http://{old.public_ip}/"
    assert releases.live(bakery).instance == old  # type: ignore[union-attr]
    assert not list(Application.objects.stale())


def test_data_then_address_then_the_end_of_the_old_one(
    bakery: Application, rebuild: Deployment, world: World, carried: dict[str, Mock]
) -> None:
    old, new = machines(bakery)
    carried["carry"].return_value = False
    rebuild = served(rebuild)
    assert (step(rebuild, "health"), rebuild.state) == ("succeeded", "running")
    rebuild = look(rebuild)
    assert (step(rebuild, "move"), step(rebuild, "address")) == ("running", "pending")
    assert Address.objects.get().instance == old
    carried["carry"].return_value = True
    rebuild = look(rebuild)
    carried["carry"].assert_called_with(old, new, move=rebuild.pk)
    carried["hold"].return_value = False
    rebuild = look(rebuild)
    assert Address.objects.get().instance == old
    carried["hold"].return_value = True
    Address.objects.update(leads_at=timezone.now())
    world.point.side_effect = lambda instance: bool(
        Address.objects.filter(instance=instance).update(leads_at=timezone.now()) or True
    )
    rebuild = look(rebuild)
    old, new = machines(bakery)
    assert (rebuild.state, new.spare, bool(old.end_asked_at)) == ("succeeded", False, True)
    assert Address.objects.get().instance == new
    assert Instance.machine_of(bakery) == new
    assert releases.live(bakery) == rebuild
    bakery.refresh_from_db()
    assert bakery.status == Status.LIVE


def test_a_data_move_that_fails_leaves_the_old_one(
    bakery: Application, rebuild: Deployment, carried: dict[str, Mock]
) -> None:
    carried["carry"].side_effect = moving.MoveError("The disk has no room.")
    rebuild = look(served(rebuild))
    old, new = machines(bakery)
    assert (rebuild.state, rebuild.failed_step, rebuild.reason) == ("failed", "move", "The disk has no room.")
    assert (bool(new.end_asked_at), old.end_asked_at, new.spare) == (True, None, True)
    assert Instance.machine_of(bakery) == old
    new.move(InstanceState.SHUTTING_DOWN)
    bakery.refresh_from_db()
    assert (bakery.status, bakery.serves) == (Status.LIVE, True)


def at_the_address(rebuild: Deployment, world: World) -> Deployment:
    """Moved, and not healthy there."""
    rebuild = look(served(rebuild))
    world.ask.return_value = health.Health("health-status", "GET / answers 500.")
    world.point.side_effect = lambda instance: bool(
        Address.objects.filter(instance=instance).update(leads_at=timezone.now()) or True
    )
    return look(rebuild)


def test_a_site_that_is_not_healthy_at_the_address_gives_it_back(
    bakery: Application, rebuild: Deployment, world: World
) -> None:
    rebuild = at_the_address(rebuild, world)
    old, new = machines(bakery)
    assert (rebuild.state, Address.objects.get().instance) == ("running", new)
    Command.objects.create(
        application=bakery, instance=old, action="hand-over", arguments={"move": str(rebuild.pk)},
        seconds=1, deadline=timezone.now(), state="succeeded",
    )  # fmt: skip
    Deployment.objects.update(deadline=timezone.now())
    rebuild = look(rebuild)
    assert (rebuild.state, rebuild.failed_step) == ("failed", "address")
    row = Address.objects.get()
    assert (row.instance, row.leads_at) == (old, None)
    assert Command.objects.get(action="resume").instance == old


def test_an_association_that_aws_refuses_gives_it_up(
    bakery: Application, rebuild: Deployment, world: World
) -> None:
    rebuild = look(served(rebuild))
    world.point.side_effect = lambda instance: bool(
        Address.objects.filter(instance=instance).update(refused="No permission.") or True
    )
    rebuild = look(rebuild)
    assert (rebuild.state, rebuild.reason) == ("failed", "No permission.")
    assert Address.objects.get().instance == machines(bakery)[0]


def test_what_goes_away_by_itself_is_tried_again(
    bakery: Application, rebuild: Deployment, world: World
) -> None:
    rebuild = look(served(rebuild))
    world.point.side_effect = AWSError(code="x", message="", retryable=True, person="Slow down.")
    assert look(rebuild).steps.get(name="address").message == "Slow down."


@pytest.mark.parametrize("when", ["queued", "running", "at the address"])
def test_it_can_be_called_off_at_any_time(
    bakery: Application, rebuild: Deployment, world: World, when: str
) -> None:
    if when == "running":
        rebuild = look(rebuild)
    if when == "at the address":
        rebuild = at_the_address(rebuild, world)
    applications.cancel(bakery, by=None)
    rebuild.refresh_from_db()
    old, new = machines(bakery)
    assert (rebuild.state, bool(new.end_asked_at), old.end_asked_at) == ("cancelled", True, None)
    assert Address.objects.get().instance == old


def test_a_push_waits_and_goes_to_the_new_machine(
    bakery: Application, rebuild: Deployment, world: World, carried: dict[str, Mock]
) -> None:
    rebuild = look(rebuild)
    later = applications.deploy_again(bakery, by=None, trigger=PAGE)
    assert look(later).state == DeploymentState.QUEUED
    world.point.side_effect = lambda instance: bool(
        Address.objects.filter(instance=instance).update(leads_at=timezone.now()) or True
    )
    rebuild = look(look(served(rebuild)))
    assert rebuild.state == DeploymentState.SUCCEEDED
    later = look(later)
    assert (later.kind, later.instance) == ("later", machines(bakery)[1])


def test_what_cannot_be_rebuilt(bakery: Application, settings: Settings) -> None:
    Address.objects.all().delete()
    with pytest.raises(RefusedError, match="no Elastic IP"):
        actions.rebuild(bakery, by=None, trigger=PAGE)
    settings.MACHINES_PER_OWNER = 1
    with pytest.raises(RefusedError, match="For a while there are two machines"):
        actions.rebuild(bakery, by=None, trigger=PAGE, new_address=True)
    Instance.objects.update(state=InstanceState.STOPPED)
    with pytest.raises(RefusedError, match="only one that is running"):
        actions.rebuild(bakery, by=None, trigger=PAGE)


def test_without_an_elastic_ip_the_site_is_at_another_address(
    bakery: Application, world: World, carried: dict[str, Mock]
) -> None:
    Address.objects.all().delete()
    rebuild = actions.rebuild(bakery, by=None, trigger=PAGE, new_address=True)
    rebuild = look(look(served(rebuild)))
    assert rebuild.state == DeploymentState.SUCCEEDED
    bakery.refresh_from_db()
    assert read_overview(bakery).address == "http://203.0.113.99/"
