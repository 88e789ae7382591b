from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application, EnvironmentVariable
from ecdeployer.applications.states import Status
from ecdeployer.deployments.models import Deployment, Step
from ecdeployer.deployments.states import DeploymentState, StepName
from pytest_django import DjangoAssertNumQueries

from tests import portal_records as records

Make = Callable[[User], Deployment]

STATES: dict[Make, tuple[Status, str]] = {
    records.make_asking: (Status.FAILED, "The project needs to know"),
    records.make_cancelled: (Status.CANCELLED, "Cancelled before it began."),
    records.make_failed: (Status.FAILED, "failed at: Install dependencies"),
    records.make_live: (Status.LIVE, "Your site is live"),
    records.make_queued: (Status.QUEUED, "Step 1 of 11: Read the repository"),
    records.make_refused: (Status.FAILED, "There is no surgery/manage.py."),
    records.make_running: (Status.DEPLOYING, "Step 6 of 11: Install dependencies"),
    records.make_serving_after_failure: (Status.LIVE, "The release before it still serves"),
    records.make_stopped: (Status.STOPPED, "The instance is stopped"),
    records.make_terminated: (Status.TERMINATED, "Terminated"),
    records.make_terminating: (Status.TERMINATING, "being terminated"),
}


def show(visitor: Client, deployment: Deployment) -> str:
    return visitor.get(deployment.application.get_absolute_url()).content.decode()


@pytest.mark.parametrize("make", STATES, ids=lambda make: make.__name__)
def test_the_state_is_told_at_a_glance(visitor: Client, ines: User, make: Make) -> None:
    status, told = STATES[make]
    deployment = make(ines)
    answer = visitor.get(deployment.application.get_absolute_url())
    assert answer.context["overview"].application.status == status
    assert told in answer.content.decode()


def test_a_failure_shows_its_reason_what_to_do_and_the_installers_own_words(
    visitor: Client, ines: User
) -> None:
    page = show(visitor, records.make_failed(ines))
    assert "there is no version of django-nonesuch==9.9" in page
    assert "Correct the line in requirements.txt" in page
    assert "No solution found when resolving dependencies" in page


def test_the_facts_of_the_instance_are_there(visitor: Client, ines: User) -> None:
    deployment = records.make_live(ines)
    instance = deployment.instance
    page = show(visitor, deployment)
    for fact in (
        instance.ec2_id,
        instance.ami_id,
        instance.availability_zone,
        instance.private_ip,
        "t3.micro",
    ):
        assert str(fact) in page
    assert f'href="http://{instance.public_ip}/"' in page
    assert "$0.57" in page


def test_what_was_never_launched_costs_nothing(visitor: Client, ines: User) -> None:
    assert "No instance has been launched, so nothing costs." in show(visitor, records.make_refused(ines))


def test_findings_name_the_line_on_github_and_their_help_page(visitor: Client, ines: User) -> None:
    deployment = records.make_live(ines)
    page = show(visitor, deployment)
    sha = deployment.commit_sha
    assert f"https://github.com/example/bakery/blob/{sha}/bakery/bakery/settings.py#L26" in page
    assert reverse("findings:detail", args=["debug-on"]) in page


def test_what_a_log_or_a_commit_says_is_written_as_text(visitor: Client, ines: User) -> None:
    deployment = records.make_running(ines)
    hostile = "</pre><script>alert(1)</script>"
    Step.objects.update(log=hostile, message=hostile)
    Deployment.objects.update(commit_subject=hostile, changes=[{"setting": hostile, "from": hostile}])
    assert "<script>alert" not in show(visitor, deployment)


@pytest.mark.parametrize("make", [records.make_queued, records.make_running, records.make_live])
def test_a_page_takes_a_fixed_number_of_queries(
    visitor: Client, ines: User, make: Make, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    deployment = make(ines)
    for number in range(2, 9):
        Deployment.objects.filter(pk=deployment.pk).update(number=number)
    # Whether what is saved is live is asked where a site serves.
    numbers: dict[Make, int] = {records.make_queued: 6, records.make_running: 7, records.make_live: 8}
    with django_assert_num_queries(numbers[make]):
        show(visitor, deployment)


def live(visitor: Client, deployment: Deployment, etag: str = "") -> Any:
    headers = {"HX-Request": "true", **({"If-None-Match": etag} if etag else {})}
    return visitor.get(reverse("applications:live", args=[deployment.application_id]), headers=headers)


def test_asking_again_costs_little_while_nothing_moves(
    visitor: Client, ines: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    deployment = records.make_running(ines)
    first = live(visitor, deployment)
    assert first.status_code == 200
    with django_assert_num_queries(3):
        again = live(visitor, deployment, first.headers["ETag"])
    assert again.status_code == 304
    assert again.content == b""


def test_the_etag_on_the_page_is_the_one_that_its_first_question_carries(visitor: Client, ines: User) -> None:
    deployment = records.make_running(ines)
    page = visitor.get(deployment.application.get_absolute_url())
    assert live(visitor, deployment, f'"{page.context["etag"]}"').status_code == 304


@pytest.mark.parametrize(
    "change",
    [
        {"log": "one more line", "log_offset": 13},
        {"message": "Waiting for capacity."},
        {"state": "failed"},
    ],
)
def test_a_step_that_moves_is_shown(visitor: Client, ines: User, change: dict[str, Any]) -> None:
    deployment = records.make_running(ines)
    etag = live(visitor, deployment).headers["ETag"]
    Step.objects.filter(deployment=deployment, name="install").update(**change)
    answer = live(visitor, deployment, etag)
    assert answer.status_code == 200
    assert answer.headers["ETag"] != etag


def test_asking_ends_with_the_deployment(visitor: Client, ines: User) -> None:
    deployment = records.make_running(ines)
    etag = live(visitor, deployment).headers["ETag"]
    deployment.move(DeploymentState.SUCCEEDED)
    answer = live(visitor, deployment, etag)
    assert answer.status_code == 286
    assert b"hx-get" not in answer.content
    assert b"hx-get" not in visitor.get(deployment.application.get_absolute_url()).content


def test_deploying_twice_leaves_the_newer_one_waiting(visitor: Client, ines: User) -> None:
    deployment = records.make_live(ines)
    address = reverse("applications:deploy", args=[deployment.application_id])
    for _ in range(2):
        visitor.post(address)
    states = [(each.number, each.state) for each in deployment.application.deployments.all()]
    assert states == [(3, "queued"), (2, "skipped"), (1, "succeeded")]
    assert visitor.get(address).status_code == 405


def test_what_waits_stands_below_what_runs(visitor: Client, ines: User) -> None:
    running = records.make_running(ines)
    visitor.post(reverse("applications:deploy", args=[running.application_id]))
    page = visitor.get(running.application.get_absolute_url()).content.decode()
    assert "Deploying" in page
    assert "Deployment 2</a>\n      waits for this one to end." in page


def test_the_live_commit_is_deployed_again_by_choice(visitor: Client, ines: User) -> None:
    live_one = records.make_live(ines)
    records.make_deployment(
        live_one.instance, DeploymentState.SKIPPED, kind=Deployment.Kind.LATER,
        failure_code="already-live", reason="Commit 4f9d2c1 is live already.",
    )  # fmt: skip
    page = visitor.get(live_one.application.get_absolute_url()).content.decode()
    assert "Your site is live" in page
    assert "Commit 4f9d2c1 is live already." in page
    visitor.post(reverse("applications:deploy", args=[live_one.application_id]), {"again": "yes"})
    assert live_one.application.deployments.get(number=3).again


def test_the_answers_are_kept_and_start_a_deployment(visitor: Client, ines: User) -> None:
    deployment = records.make_asking(ines)
    application = deployment.application
    address = reverse("applications:answer", args=[application.pk])
    refused = visitor.post(address, {"MAPS_KEY": "k"})
    assert refused.status_code == 422
    assert "This field is required." in refused.content.decode()
    visitor.post(address, {"MAPS_KEY": " k ", "DATABASE_URL": "postgres://db/x", "OTHER": "not asked"})
    values = dict(application.environment.values_list("name", "value"))
    assert values == {"MAPS_KEY": " k ", "DATABASE_URL": "postgres://db/x"}
    assert application.deployments.count() == 2


def test_an_answer_is_a_secret_unless_it_is_said_and_goes_to_the_commit_that_asked(
    visitor: Client, ines: User
) -> None:
    """A push to a site that is live: the old release goes on meanwhile."""
    live = records.make_live(ines)
    application = live.application
    asking = records.make_deployment(
        live.instance, DeploymentState.FAILED, at=StepName.PREFLIGHT, kind=Deployment.Kind.LATER,
        commit_sha="d" * 40,
        facts={"required_environment": ["MAPS_KEY", "MODE"], "settings_candidates": []},
        findings=[{"code": "environment-required", "level": "error", "message": "It is read."}],
    )  # fmt: skip
    page = show(visitor, asking)
    assert "The project needs to know" in page
    assert "The release before goes on serving" in page
    address = reverse("applications:answer", args=[application.pk])
    visitor.post(address, {"MAPS_KEY": "k", "MODE": "m", "plain MODE": "on"})
    kept = dict(application.environment.values_list("name", "secret"))
    assert kept == {"STRIPE_KEY": True, "MAPS_KEY": True, "MODE": False}
    assert application.deployments.get(number=3).commit_sha == "d" * 40
    application.refresh_from_db()
    assert application.serves


def test_an_answer_to_nothing_changes_nothing(visitor: Client, ines: User) -> None:
    deployment = records.make_live(ines, "harbour")
    visitor.post(reverse("applications:answer", args=[deployment.application_id]), {"A": "1"})
    assert not EnvironmentVariable.objects.filter(name="A").exists()
    assert Deployment.objects.count() == 1


def test_ending_a_site_takes_its_name(visitor: Client, ines: User) -> None:
    deployment = records.make_live(ines)
    address = reverse("applications:terminate", args=[deployment.application_id])
    assert visitor.post(address, {"name": "baker"}).status_code == 422
    assert Application.objects.get().terminate_requested_at is None
    assert visitor.post(address, {"name": "bakery"}).status_code == 302
    assert Application.objects.get().terminate_requested_at is not None
    assert "is being terminated" in show(visitor, deployment)
    assert "already" in visitor.get(address).content.decode()


def test_history_and_activity_have_pages(visitor: Client, ines: User) -> None:
    deployment = records.make_serving_after_failure(ines)
    for name in ("applications:deployments", "applications:events"):
        page = visitor.get(reverse(name, args=[deployment.application_id])).content.decode()
        assert "Deployment 2" in page


def test_a_repository_that_git_cannot_read_shows_gits_own_words(visitor: Client, ines: User) -> None:
    deployment = records.make_refused(ines)
    Deployment.objects.update(findings=[], remedy="Check the URL.")
    Step.objects.filter(name="preflight").update(log="fatal: repository not found\n")
    page = show(visitor, deployment)
    assert "fatal: repository not found" in page
    assert "Check the URL." in page


def test_candidates_for_the_settings_module_are_offered(visitor: Client, ines: User) -> None:
    deployment = records.make_asking(ines)
    candidates = ["gallery.settings.dev", "gallery.settings.production"]
    Deployment.objects.update(
        facts={"required_environment": [], "settings_candidates": candidates},
        findings=[{"code": "settings-module-ambiguous", "level": "error", "message": "There are two."}],
    )
    address = reverse("applications:answer", args=[deployment.application_id])
    assert visitor.post(address, {"DJANGO_SETTINGS_MODULE": "os"}).status_code == 422
    visitor.post(address, {"DJANGO_SETTINGS_MODULE": candidates[1]})
    module = EnvironmentVariable.objects.get()
    assert (module.value, module.secret) == (candidates[1], False)


def test_going_back_is_offered_for_what_is_kept(visitor: Client, ines: User) -> None:
    first = records.make_live(ines)
    records.make_deployment(first.instance, DeploymentState.SUCCEEDED, kind=Deployment.Kind.LATER)
    listed = visitor.get(reverse("applications:deployments", args=[first.application_id])).content.decode()
    address = reverse("applications:roll-back", args=[first.application_id, 1])
    assert address in listed
    assert reverse("applications:roll-back", args=[first.application_id, 2]) not in listed
    assert "Back to deployment 1?" in visitor.get(address).content.decode()
    assert visitor.post(address).status_code == 302
    back = first.application.deployments.get(number=3)
    assert (back.rolls_back_to, back.state) == (first, DeploymentState.QUEUED)
    assert visitor.get(reverse("applications:roll-back", args=[first.application_id, 2])).status_code == 404


def test_going_back_says_which_migrations_lie_between(visitor: Client, ines: User) -> None:
    first = records.make_live(ines)
    dropped = {
        "app": "shop", "name": "0002_drop_price", "operations": ["Remove field price from cake"],
        "flags": [{"kind": "drop", "text": "shop_cake loses the column price"}], "reversible": True,
    }  # fmt: skip
    records.make_deployment(
        first.instance, DeploymentState.SUCCEEDED, kind=Deployment.Kind.LATER, plan=[dropped]
    )
    page = visitor.get(reverse("applications:roll-back", args=[first.application_id, 1])).content.decode()
    assert "shop.0002_drop_price" in page
    assert "shop_cake loses the column price" in page
    assert "which was dropped or renamed since will fail" in page


def test_nobody_else_goes_back(client: Client, ines: User) -> None:
    first = records.make_live(ines)
    records.make_deployment(first.instance, DeploymentState.SUCCEEDED, kind=Deployment.Kind.LATER)
    client.force_login(records.make_person("noor"))
    assert client.post(reverse("applications:roll-back", args=[first.application_id, 1])).status_code == 404
    assert first.application.deployments.count() == 2


def test_a_list_of_deployments_is_the_same_number_of_queries(
    visitor: Client, ines: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    first = records.make_live(ines)
    address = reverse("applications:deployments", args=[first.application_id])
    for count in (1, 5):
        for _ in range(count):
            records.make_deployment(first.instance, DeploymentState.SUCCEEDED, kind=Deployment.Kind.LATER)
        with django_assert_num_queries(10):
            visitor.get(address)
