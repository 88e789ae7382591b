from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from ecdeployer.accounts.models import User
from ecdeployer.deployments import migration_plans
from ecdeployer.deployments.models import Deployment, Step
from ecdeployer.deployments.progress import LAST_LINES, TAIL, read_progress
from ecdeployer.deployments.states import DeploymentState
from pytest_django import DjangoAssertNumQueries

from tests import portal_records as records


@pytest.fixture
def ines(db: None) -> User:
    return records.make_person("ines")


@pytest.fixture
def visitor(client: Client, ines: User) -> Client:
    client.force_login(ines)
    return client


def test_an_old_deployment_keeps_its_page(visitor: Client, ines: User) -> None:
    newest = records.make_serving_after_failure(ines)
    first = newest.application.deployments.get(number=1)
    page = visitor.get(reverse("deployments:detail", args=[first.pk])).content.decode()
    assert "The site went live" in page
    assert "ines, from the page" in page


def test_its_own_page_follows_it_and_stops(
    visitor: Client, ines: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    deployment = records.make_running(ines)
    address = reverse("deployments:live", args=[deployment.pk])
    first = visitor.get(address)
    with django_assert_num_queries(4):
        again = visitor.get(address, headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code) == (200, 304)
    deployment.move(DeploymentState.FAILED)
    assert visitor.get(address, headers={"If-None-Match": first.headers["ETag"]}).status_code == 286


def test_a_log_is_plain_text_from_its_first_byte(visitor: Client, ines: User) -> None:
    deployment = records.make_failed(ines)
    log = "<b>first</b>\n" + "x" * 2 * TAIL
    Step.objects.filter(deployment=deployment, name="install").update(log=log)
    answer = visitor.get(reverse("deployments:log", args=[deployment.pk, "install"]))
    assert answer.content.decode() == log
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert visitor.get(reverse("deployments:log", args=[deployment.pk, "brew"])).status_code == 404


def test_a_page_carries_the_end_of_a_long_log_and_says_so(visitor: Client, ines: User) -> None:
    deployment = records.make_failed(ines)
    log = "start of it\n" + "line\n" * TAIL + "the end\n"
    Step.objects.filter(deployment=deployment, name="install").update(log=log)
    step = read_progress(deployment).failed
    assert step is not None
    assert step.is_cut
    assert len(step.log) == TAIL
    assert step.last_lines.splitlines()[-1] == "the end"
    assert len(step.last_lines.splitlines()) == LAST_LINES
    page = visitor.get(reverse("deployments:detail", args=[deployment.pk])).content.decode()
    assert "The whole log (these are its last lines)" in page
    assert "start of it" not in page


def test_progress_counts_what_is_done(ines: User) -> None:
    progress = read_progress(records.make_running(ines))
    assert progress.finished == 5
    assert progress.current is not None
    assert progress.current.label == "Install dependencies"
    assert progress.current_number == 6
    assert progress.failed is None
    ended = read_progress(records.make_live(ines))
    assert ended.finished == 11
    assert ended.current is None
    assert ended.current_number == 0


def test_migrations_that_wait_are_shown_and_can_be_confirmed(visitor: Client, ines: User) -> None:
    waiting = records.make_waiting(ines)
    page = visitor.get(reverse("deployments:detail", args=[waiting.pk])).content.decode()
    assert "bakery.0007_drop_price" in page
    assert "<strong>Loses data:</strong> Drops the column price of bakery_loaf." in page
    assert "Add field flour to loaf" in page
    assert "Deploy with these migrations" in page
    answer = visitor.post(reverse("deployments:confirm", args=[waiting.pk]))
    queued = waiting.application.deployments.latest("number")
    assert answer.headers["Location"] == reverse("deployments:detail", args=[queued.pk])
    assert queued.confirmed_plan == migration_plans.digest(records.PLAN)
    assert waiting.application.events.filter(verb="migrations confirmed", actor=ines).count() == 1


def test_migrations_that_wait_for_nobody_cannot_be_confirmed(visitor: Client, ines: User) -> None:
    failed = records.make_failed(ines)
    assert (
        "Deploy with these"
        not in visitor.get(reverse("deployments:detail", args=[failed.pk])).content.decode()
    )
    answer = visitor.post(reverse("deployments:confirm", args=[failed.pk]), follow=True)
    assert "The migrations of deployment 1 wait for nobody." in answer.content.decode()
    assert failed.application.deployments.count() == 1


def test_migrations_that_a_later_release_has_passed_cannot_be_confirmed(visitor: Client, ines: User) -> None:
    waiting = records.make_waiting(ines)
    records.make_deployment(waiting.instance, DeploymentState.SUCCEEDED, kind=Deployment.Kind.LATER)
    answer = visitor.post(reverse("deployments:confirm", args=[waiting.pk]), follow=True)
    assert "Deployment 3 has gone live since." in answer.content.decode()
    assert waiting.application.deployments.count() == 3


def test_a_plan_without_flags_is_folded(visitor: Client, ines: User) -> None:
    live = records.make_live(ines)
    address = reverse("deployments:detail", args=[live.pk])
    assert "Migrations of the database" not in visitor.get(address).content.decode()
    live.plan = records.PLAN[1:]
    live.save()
    page = visitor.get(address).content.decode()
    assert "Migrations of the database (1)" in page
    assert "0007_drop_price" not in page


@pytest.mark.parametrize(("seconds", "pause"), [(0, 1), (31, 2), (301, 5)])
def test_a_page_asks_less_often_with_time(visitor: Client, ines: User, seconds: int, pause: int) -> None:
    deployment = records.make_running(ines)
    asked_for = timezone.now() - timedelta(seconds=seconds)
    Deployment.objects.filter(pk=deployment.pk).update(queued_at=asked_for)
    for address in (deployment.application.get_absolute_url(), f"/deployments/{deployment.pk}/"):
        assert f'hx-trigger="every {pause}s"' in visitor.get(address).content.decode()
