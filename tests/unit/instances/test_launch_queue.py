"""Turns to call RunInstances: as many as EC2 takes, and to each owner alike."""

import datetime as dt
from collections.abc import Callable, Iterator

import pytest
import time_machine
from django.utils import timezone
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application
from ecdeployer.deployments.models import Deployment
from ecdeployer.instances import launch_queue
from ecdeployer.instances.models import Instance, LaunchAttempt, LaunchQueue
from ecdeployer.instances.states import InstanceState
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

pytestmark = pytest.mark.django_db
Make = Callable[[str], Instance]


@pytest.fixture
def make() -> Make:
    """An instance that an owner, by name, has asked for."""

    def instance_of(name: str) -> Instance:
        owner, _ = User.objects.get_or_create(username=name)
        number = Application.objects.count()
        application = Application.objects.create(
            owner=owner, name=f"app-{number}", project_name="shop", github_url="https://github.com/o/r"
        )
        made = Instance.objects.create(application=application, instance_type="t3.micro")
        Deployment.objects.create(application=application, instance=made, number=1)
        return made

    return instance_of


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(dt.datetime(2026, 1, 1, tzinfo=dt.UTC), tick=False) as traveller:
        yield traveller


def served(instances: list[Instance]) -> list[Instance]:
    return [each for each in instances if launch_queue.ask(each) is None]


def test_a_burst_is_taken_and_then_two_a_second(make: Make, clock: time_machine.Traveller) -> None:
    waiting = [make("alice") for _ in range(9)]
    assert served(waiting) == waiting[:5]
    assert served(waiting[5:]) == []
    clock.shift(1)
    assert served(waiting[5:]) == waiting[5:7]
    clock.shift(60)
    assert served(waiting[7:]) == waiting[7:]


def test_a_queue_that_rested_holds_no_more_than_a_burst(make: Make, clock: time_machine.Traveller) -> None:
    served([make("alice")])
    clock.shift(3600)
    waiting = [make("alice") for _ in range(7)]
    assert len(served(waiting)) == 5


def test_owners_take_turns(make: Make, clock: time_machine.Traveller) -> None:
    many = [make("alice") for _ in range(10)]
    for instance in served(many):
        LaunchAttempt.objects.create(instance=instance, number=1, client_token=str(instance.pk))
    one = make("bob")
    assert launch_queue.ask(one) == launch_queue.Wait("Waiting for a place: number 1 in the queue.", 0.5)
    clock.shift(0.5)
    assert launch_queue.give_turns() == 1
    assert served([*many[5:], one]) == [one]


def test_a_place_is_told(make: Make, clock: time_machine.Traveller) -> None:
    waiting = [make("alice") for _ in range(8)]
    served(waiting)
    wait = launch_queue.ask(waiting[7])
    assert wait == launch_queue.Wait("Waiting for a place: number 3 in the queue.", 1.5)


def test_a_turn_is_taken_once(make: Make, clock: time_machine.Traveller) -> None:
    instance = make("alice")
    LaunchQueue.objects.create(tokens=1)
    assert launch_queue.ask(instance) is None
    assert launch_queue.ask(instance) is not None


def test_a_turn_that_nobody_took_is_given_to_another(make: Make, clock: time_machine.Traveller) -> None:
    lost = make("alice")
    Instance.objects.filter(pk=lost.pk).update(launch_asked_at=timezone.now())
    assert launch_queue.give_turns() == 1
    clock.shift(61)
    LaunchQueue.objects.update(tokens=1, counted_at=timezone.now())
    assert launch_queue.ask(lost) is None


def test_what_has_ended_waits_for_no_turn(make: Make, clock: time_machine.Traveller) -> None:
    instance = make("alice")
    LaunchQueue.objects.create(tokens=0)
    launch_queue.ask(instance)
    instance.move(InstanceState.FAILED)
    clock.shift(10)
    assert launch_queue.give_turns() == 0


def test_held_launches_say_why(make: Make, clock: time_machine.Traveller) -> None:
    first, second = make("alice"), make("bob")
    served([first])
    launch_queue.hold(30, "The account is full.")
    wait = launch_queue.ask(second)
    assert wait is not None
    assert (wait.reason, 30 <= wait.retry_in <= 32) == ("The account is full.", True)
    clock.shift(31)
    assert launch_queue.ask(second) is None


def test_a_refusal_empties_the_bucket(make: Make, clock: time_machine.Traveller) -> None:
    served([make("alice")])
    launch_queue.slow_down()
    assert launch_queue.ask(make("alice")) is not None


def test_turns_wake_those_who_wait(
    make: Make,
    clock: time_machine.Traveller,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    waiting = [make("alice") for _ in range(6)]
    served(waiting)
    clock.shift(1)
    with django_capture_on_commit_callbacks() as callbacks:
        assert launch_queue.give_turns() == 1
    assert len(callbacks) == 1


def test_the_queries_of_a_turn_are_known(
    make: Make, django_assert_max_num_queries: DjangoAssertNumQueries, clock: time_machine.Traveller
) -> None:
    LaunchQueue.objects.create()
    for _ in range(50):
        Instance.objects.filter(pk=make("alice").pk).update(launch_asked_at=timezone.now())
    with django_assert_max_num_queries(11):
        launch_queue.give_turns()
    Instance.objects.update(launch_asked_at=None)
    with django_assert_max_num_queries(1):
        launch_queue.give_turns()
