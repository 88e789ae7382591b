from datetime import timedelta

import pytest
from django.utils import timezone
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application
from ecdeployer.commands import actions as commands
from ecdeployer.commands import machine, provisioning, pruning, queue, reports
from ecdeployer.commands.actions import RefusedError
from ecdeployer.commands.models import Command
from ecdeployer.commands.states import CommandState
from ecdeployer.instances.models import Instance
from ecdeployer.machine_reports import CancelledError
from ecdeployer.site_logs import actions
from ecdeployer.site_logs.questions import Question

from tests import portal_records as records

WEB = Question(source="web")


def wanted(command: Command) -> float:
    """Seconds for which it goes on."""
    command.refresh_from_db()
    assert command.wanted_until is not None
    return (command.wanted_until - timezone.now()).total_seconds()


def age(command: Command, seconds: float) -> None:
    Command.objects.filter(pk=command.pk).update(wanted_until=timezone.now() + timedelta(seconds=seconds))
    command.refresh_from_db()


def test_who_looks_at_the_same_shares_one_command(followed: Command, bakery: Application) -> None:
    again = actions.ask(bakery, Question(source="web", follow=True), by=records.make_person("rui"))
    assert again == followed
    assert actions.ask(bakery, WEB, by=None) != followed


def test_two_are_followed_at_once_and_a_third_when_one_is_left(
    followed: Command, bakery: Application, ines: User
) -> None:
    actions.ask(bakery, Question(source="system", follow=True), by=ines)
    third = Question(source="nginx-error", follow=True)
    with pytest.raises(RefusedError, match="followed already: system and web"):
        actions.ask(bakery, third, by=ines)
    assert actions.ask(bakery, third, by=ines, instead_of=followed).arguments["source"] == "nginx-error"
    assert wanted(followed) < 6


def test_a_machine_is_not_flooded_with_questions(bakery: Application) -> None:
    for number in range(actions.READ):
        actions.ask(bakery, Question(source=f"process-{number}"), by=None)
    with pytest.raises(RefusedError, match="not answered yet"):
        actions.ask(bakery, WEB, by=None)


def test_reading_takes_no_place_of_a_persons_commands(bakery: Application, followed: Command) -> None:
    for _ in range(commands.AT_ONCE):
        commands.manage(bakery, ["check"], by=None)


def test_a_machine_without_a_release_is_read_too_and_one_that_is_stopped_is_not(ines: User) -> None:
    failed = records.make_failed(ines)
    assert actions.ask(failed.application, WEB, by=ines).instance == failed.instance
    Instance.objects.update(state="stopped")
    with pytest.raises(RefusedError, match="a machine that runs"):
        actions.ask(failed.application, WEB, by=ines)


def test_taking_a_whole_log_is_an_event_and_reading_is_none(bakery: Application, ines: User) -> None:
    before = bakery.events.count()
    actions.ask(bakery, WEB, by=ines)
    assert bakery.events.count() == before
    whole = actions.ask(bakery, Question(source="web", search="x", follow=True, whole=True), by=ines)
    assert (whole.arguments["follow"], whole.arguments["search"]) == (False, "")
    event = bakery.events.get(verb="log downloaded")
    assert (event.actor, event.detail) == (ines, "web")


def test_looking_keeps_it_going(followed: Command) -> None:
    age(followed, 25)
    queue.want(followed)
    assert wanted(followed) < 26
    age(followed, 15)
    queue.want(followed)
    assert wanted(followed) > 29


def test_it_ends_by_itself_when_nobody_looks(followed: Command) -> None:
    age(followed, -1)
    with pytest.raises(CancelledError):
        reports.authenticate(followed.pk, machine.report_token(followed))
    followed.refresh_from_db()
    assert (followed.state, followed.reason) == (CommandState.CANCELLED, reports.FORGOTTEN)
    assert not followed.application.events.filter(subject="command").exists()


def test_it_ends_on_a_machine_that_says_nothing_too(followed: Command) -> None:
    age(followed, -1)
    assert provisioning.advance(followed.pk) is None
    followed.refresh_from_db()
    assert followed.state == CommandState.CANCELLED


def test_what_was_read_is_forgotten_after_an_hour_and_a_persons_commands_stay(
    followed: Command, bakery: Application
) -> None:
    manage = commands.manage(bakery, ["check"], by=None)
    stopping = queue.put(followed.instance, Command.Action.CANCEL, {"deployment": "x"})
    Command.objects.update(state=CommandState.SUCCEEDED, created_at=timezone.now() - timedelta(minutes=59))
    pruning.prune()
    assert Command.objects.count() == 3
    Command.objects.update(created_at=timezone.now() - timedelta(minutes=61))
    pruning.prune()
    assert set(Command.objects.all()) == {manage, stopping}
    Command.objects.update(created_at=timezone.now() - timedelta(days=31))
    pruning.prune()
    assert set(Command.objects.all()) == {manage}
