"""Applications and deployments through the API."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError
from django.test import Client
from ecdeployer.accounts.models import ApiToken, User
from ecdeployer.applications import actions
from ecdeployer.applications.forms import ApplicationForm
from ecdeployer.applications.models import Application
from ecdeployer.commands import actions as commands
from ecdeployer.deployments import migration_plans
from ecdeployer.deployments.models import Deployment, Step
from ecdeployer.deployments.states import DeploymentState
from ecdeployer.git import keys
from ecdeployer.instances import deploy_keys
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks, Settings

from tests import portal_records as records
from tests.programs import client_of

ROOT = "/api/v1"
LEAST = {"project_name": "mysite", "github_url": "https://github.com/example/site"}


def create(program: Client, **body: Any) -> Any:
    return program.post(f"{ROOT}/applications", {**LEAST, **body}, content_type="application/json")


def test_two_fields_make_an_application_and_wake_a_worker(
    program: Client,
    messages: list[tuple[str, Any]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = create(program)
    application = Application.objects.get()
    deployment = application.deployments.get()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{ROOT}/applications/{application.pk}"
    assert answer.json() == program.get(answer.headers["Location"]).json()
    assert answer.json()["status"] == "queued"
    assert answer.json()["deployment"]["id"] == str(deployment.pk)
    assert (deployment.trigger, deployment.created_by) == (Deployment.Trigger.API, application.owner)
    assert [arguments for _, arguments in messages] == [[str(deployment.pk)]]


def test_values_of_variables_go_in_and_never_come_out(program: Client) -> None:
    answer = create(program, environment={"STRIPE_KEY": "sk_live_1", "AN": " x "})
    assert answer.json()["environment"] == ["AN", "STRIPE_KEY"]
    assert "sk_live_1" not in answer.content.decode()
    values = dict(Application.objects.get().environment.values_list("name", "value"))
    assert values == {"STRIPE_KEY": "sk_live_1", "AN": " x "}


def test_a_deploy_key_is_made_replaced_and_removed(program: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    stored: list[str] = []
    monkeypatch.setattr(deploy_keys, "write", lambda _, private: stored.append(private))
    monkeypatch.setattr(deploy_keys, "delete", lambda _: 1)
    application = create(program).json()
    assert application["deploy_key"] is None
    address = f"{ROOT}/applications/{application['id']}/deploy-key"
    made = [program.post(address, headers={"Idempotency-Key": str(uuid4())}) for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 201]
    shown = [answer.json()["deploy_key"] for answer in made]
    assert [keys.public_half(private) for private in stored] == [
        key["public"].rsplit(" ", 1)[0] for key in shown
    ]
    assert set(shown[1]) == {"public", "fingerprint", "made_at"}
    assert program.delete(address).json()["deploy_key"] is None
    assert program.delete(address).status_code == 409


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"project_name": ""}, "project_name", "This field is required."),
    ({"github_url": "https://elsewhere.example.com/a/b"}, "github_url", ""),
    ({"branch": "main;id"}, "branch", ""),
    ({"branch": None}, "branch", "valid string"),
    ({"instance_type": "x9.huge"}, "instance_type", "Found 'x9.huge'."),
    ({"health_path": "healthz"}, "health_path", "begins with /"),
    ({"name": "-a"}, "name", "Found '-a'."),
    ({"description": "x" * 2001}, "description", "2000"),
    ({"environment": {"PATH": "/tmp"}}, "environment", "PATH is reserved"),
    ({"environment": {"A": 1}}, "environment", "A: "),
    ({"environment": "A=1"}, "environment", "valid dictionary"),
    ({"colour": "blue"}, "colour", "There is no such field."),
    ({"submission": "0f0f0f0f-0000-4000-8000-000000000001"}, "submission", "There is no such field."),
]


@pytest.mark.parametrize(("body", "field", "message"), WRONG, ids=[str(each[:2])[:60] for each in WRONG])
def test_what_is_wrong_is_named_by_its_field(
    program: Client, body: dict[str, Any], field: str, message: str
) -> None:
    answer = create(program, **body)
    problem = answer.json()
    assert (answer.status_code, problem["status"]) == (422, 422)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert list(problem["errors"]) == [field]
    assert message in problem["errors"][field][0]
    assert field in problem["detail"]
    assert not Application.objects.exists()


def test_every_field_that_is_wrong_is_named_at_once(program: Client) -> None:
    body = {"branch": "a b", "health_path": "x"}
    answer = program.post(f"{ROOT}/applications", body, content_type="application/json")
    assert set(answer.json()["errors"]) == {"project_name", "github_url", "branch", "health_path"}


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '"text"', "[" * 100_000, "1" * 5000])
def test_what_is_no_object_is_refused(program: Client, body: str) -> None:
    answer = program.post(f"{ROOT}/applications", body, content_type="application/json")
    assert answer.status_code in (400, 422)
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_body_that_is_too_long_is_refused(program: Client, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    answer = create(program, description="x" * 1000)
    assert answer.status_code == 413
    assert answer.json()["type"].endswith("#too-large")


def test_the_fields_are_those_of_the_form(program: Client) -> None:
    document = program.get(f"{ROOT}/openapi.json").json()
    shape = document["components"]["schemas"]["NewApplication"]
    fields = ApplicationForm.base_fields
    assert set(shape["properties"]) == set(fields) - {"submission"}
    assert set(shape["required"]) == {name for name, field in fields.items() if field.required}


def test_a_limit_is_a_conflict_that_says_why(program: Client, ines: User, settings: Settings) -> None:
    settings.MACHINES_PER_OWNER = 1
    records.make_live(ines)
    answer = create(program)
    assert answer.status_code == 409
    assert "You have 1 of 1 machines." in answer.json()["detail"]


def test_a_name_that_another_request_took_meanwhile_is_refused(
    program: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(**_: Any) -> None:
        raise IntegrityError

    monkeypatch.setattr(actions, "create_application", taken)
    assert list(create(program).json()["errors"]) == ["name"]


def test_a_list_goes_on_where_it_ended(program: Client, ines: User) -> None:
    names = [f"site-{number}" for number in range(5)]
    for name in names:
        records.make_application(ines, name)
    # Made at the very same moment, none is left out and none comes twice.
    Application.objects.update(created_at=Application.objects.latest("created_at").created_at)
    found: list[str] = []
    cursor: str | None = ""
    pages = 0
    while cursor is not None:
        page = program.get(f"{ROOT}/applications?limit=2&cursor={cursor}").json()
        found += [each["name"] for each in page["applications"]]
        cursor, pages = page["next"], pages + 1
    assert sorted(found) == names
    assert pages == 3


def test_a_list_is_of_one_state_where_that_is_asked(program: Client, ines: User) -> None:
    records.make_every_state(ines)
    for status, count in (("live", 3), ("queued", 1), ("", None)):
        answer = program.get(f"{ROOT}/applications", {"status": status})
        assert answer.status_code == (200 if count else 422)
        if count:
            assert {each["status"] for each in answer.json()["applications"]} == {status}
            assert len(answer.json()["applications"]) == count


def test_a_list_is_of_one_name_where_that_is_asked(program: Client, stranger: Client, ines: User) -> None:
    records.make_every_state(ines)
    found = program.get(f"{ROOT}/applications", {"name": "library"}).json()["applications"]
    assert [each["name"] for each in found] == ["library"]
    assert stranger.get(f"{ROOT}/applications", {"name": "library"}).json()["applications"] == []
    assert list(program.get(f"{ROOT}/applications", {"name": "\0"}).json()["errors"]) == ["name"]


@pytest.mark.parametrize(
    "query", ["cursor=x", "cursor=%00", "limit=0", "limit=101", "limit=x", "colour=blue", "cursor=WzFd:x:y"]
)
def test_wrong_parameters_are_named(program: Client, ines: User, query: str) -> None:
    application = records.make_application(ines)
    for address in ("applications", f"applications/{application.pk}/deployments"):
        answer = program.get(f"{ROOT}/{address}?{query}")
        assert answer.status_code == 422
        assert list(answer.json()["errors"]) == [query.partition("=")[0]]


def test_a_cursor_of_another_list_is_refused(program: Client, ines: User) -> None:
    first = records.make_live(ines, "first")
    records.make_live(ines, "second")
    cursor = program.get(f"{ROOT}/applications", {"limit": 1}).json()["next"]
    address = f"{ROOT}/applications/{first.application_id}/deployments"
    assert program.get(address, {"cursor": cursor}).status_code == 422


def test_an_application_is_shown_with_what_runs(program: Client, ines: User) -> None:
    deployment = records.make_serving_after_failure(ines)
    shown = program.get(f"{ROOT}/applications/{deployment.application_id}").json()
    assert shown["status"] == "live"
    assert shown["address"] == f"http://{deployment.instance.public_ip}/"
    assert shown["instance"]["ec2_id"] == deployment.instance.ec2_id
    assert (shown["deployment"]["number"], shown["deployment"]["state"]) == (2, "failed")
    assert shown["cost_usd"] == "0.5682"


@pytest.mark.parametrize("make", records.EVERY_STATE, ids=lambda make: make.__name__)
def test_every_state_can_be_shown(program: Client, ines: User, make: Callable[[User], Deployment]) -> None:
    deployment = make(ines)
    application = program.get(f"{ROOT}/applications/{deployment.application_id}").json()
    shown = program.get(f"{ROOT}/deployments/{deployment.pk}").json()
    assert application["deployment"]["id"] == shown["id"] == str(deployment.pk)
    assert len(shown["findings"]) == len(deployment.findings)


def test_deploying_again_queues_one(program: Client, ines: User) -> None:
    live = records.make_live(ines)
    address = f"{ROOT}/applications/{live.application_id}/deployments"
    answer = program.post(address)
    assert answer.status_code == 202
    assert answer.json() == program.get(address).json()["deployments"][0]
    assert program.get(answer.headers["Location"]).json()["trigger"] == "api"
    assert program.post(address).json()["number"] == 3
    assert program.get(answer.headers["Location"]).json()["state"] == "skipped"


def test_deploying_a_commit_again(program: Client, ines: User) -> None:
    live = records.make_live(ines)
    address = f"{ROOT}/applications/{live.application_id}/deployments"
    body = {"commit": "a" * 40, "again": True}
    answer = program.post(address, body, content_type="application/json")
    assert (answer.status_code, answer.json()["commit_sha"]) == (202, "a" * 40)
    assert Deployment.objects.get(number=2).again
    for wrong in ({"commit": "main"}, {"commit": "A" * 40}, {"other": 1}):
        assert program.post(address, wrong, content_type="application/json").status_code == 422


def test_rolling_back(program: Client, stranger: Client, ines: User) -> None:
    first = records.make_live(ines)
    newer = records.make_deployment(first.instance, DeploymentState.SUCCEEDED, kind=Deployment.Kind.LATER)
    assert stranger.post(f"{ROOT}/deployments/{first.pk}/rollback").status_code == 404
    answer = program.post(f"{ROOT}/deployments/{first.pk}/rollback")
    assert answer.status_code == 202
    assert (answer.json()["kind"], answer.json()["rolls_back_to_id"]) == ("rollback", str(first.pk))
    refused = program.post(f"{ROOT}/deployments/{newer.pk}/rollback")
    assert refused.status_code == 409
    assert "not kept" in refused.json()["detail"]


def test_cancelling_stops_what_runs_and_nothing_else(program: Client, ines: User) -> None:
    running = records.make_running(ines)
    address = f"{ROOT}/applications/{running.application_id}/cancel"
    answer = program.post(address)
    assert (answer.status_code, answer.json()["deployment"]["state"]) == (202, "cancelled")
    refused = program.post(address)
    assert refused.status_code == 409
    assert "nothing to cancel" in refused.json()["detail"]


def test_terminating_ends_it_once(program: Client, ines: User) -> None:
    live = records.make_live(ines)
    address = f"{ROOT}/applications/{live.application_id}/terminate"
    answer = program.post(address)
    assert (answer.status_code, answer.json()["status"]) == (202, "terminating")
    assert program.post(address).status_code == 409
    assert program.post(f"{ROOT}/applications/{live.application_id}/deployments").status_code == 409


def test_migrations_that_wait_are_shown_and_confirmed(program: Client, stranger: Client, ines: User) -> None:
    waiting = records.make_waiting(ines)
    address = f"{ROOT}/deployments/{waiting.pk}"
    assert stranger.post(f"{address}/confirm").status_code == 404
    assert program.get(address).json()["plan"] == records.PLAN
    answer = program.post(f"{address}/confirm")
    queued = waiting.application.deployments.latest("number")
    assert (answer.status_code, answer.json()["id"]) == (202, str(queued.pk))
    assert (queued.trigger, queued.confirmed_plan) == ("api", migration_plans.digest(records.PLAN))
    refused = program.post(f"{ROOT}/deployments/{queued.pk}/confirm")
    assert (refused.status_code, refused.json()["type"].rpartition("#")[2]) == (409, "refused")
    assert "wait for nobody" in refused.json()["detail"]


def test_steps_come_in_their_order_and_without_their_logs(program: Client, ines: User) -> None:
    failed = records.make_failed(ines)
    steps = program.get(f"{ROOT}/deployments/{failed.pk}/steps").json()["steps"]
    assert [step["name"] for step in steps][:2] == ["preflight", "launch"]
    install = steps[5]
    assert (install["name"], install["state"]) == ("install", "failed")
    assert install["log_length"] == len(records.PIP_LOG)
    assert "log" not in install


def test_a_log_is_read_on_from_where_it_was_left(program: Client, ines: User) -> None:
    running = records.make_running(ines)
    log = "ü" * 70_000
    Step.objects.filter(name="install").update(log=log)
    address = f"{ROOT}/deployments/{running.pk}/steps/install/log"
    first = program.get(address).json()
    second = program.get(address, {"offset": first["next"]}).json()
    assert first["text"] + second["text"] == log
    assert (second["next"], second["complete"]) == (70_000, False)
    Step.objects.filter(name="install").update(state="succeeded")
    assert program.get(address).json()["complete"] is False
    assert program.get(address, {"offset": 70_000}).json()["complete"] is True
    assert program.get(address, {"offset": 2**30}).json()["next"] == 70_000
    assert program.get(address, {"offset": -1}).status_code == 422
    assert program.get(address.replace("install", "brew")).status_code == 404


def test_limits_tell_what_one_may_have(program: Client, ines: User, settings: Settings) -> None:
    settings.MACHINES_PER_OWNER, settings.MONTHLY_USD_PER_OWNER = 3, None
    settings.INSTANCE_TYPES, settings.AWS_REGION = ["t3.micro", "x9.huge"], "eu-west-1"
    records.make_live(ines)
    shown = program.get(f"{ROOT}/limits").json()
    assert shown["machines"] == {"limit": 3, "used": 1}
    assert shown["monthly_usd"] == {"limit": None, "used": "13.38"}
    assert shown["instance_types"] == [
        {"name": "t3.micro", "hourly_usd": "0.0183", "monthly_usd": "13.38"},
        {"name": "x9.huge", "hourly_usd": None, "monthly_usd": None},
    ]


def addresses(deployment: Deployment) -> list[tuple[str, str]]:
    application = f"{ROOT}/applications/{deployment.application_id}"
    shown = f"{ROOT}/deployments/{deployment.pk}"
    got = [application, f"{application}/deployments", shown, f"{shown}/steps", f"{shown}/steps/install/log"]
    posted = [f"{application}/{verb}" for verb in ("deployments", "cancel", "terminate")]
    return [("get", each) for each in got] + [("post", each) for each in posted]


def test_another_persons_records_are_not_there(stranger: Client, ines: User) -> None:
    deployment = records.make_failed(ines)
    for method, address in addresses(deployment):
        answer = getattr(stranger, method)(address)
        assert (answer.status_code, address) == (404, address)
        assert answer.json()["type"].endswith("#not-found")
    assert stranger.get(f"{ROOT}/applications").json() == {"applications": [], "next": None}
    assert not Application.objects.exclude(terminate_requested_at=None).exists()


def test_staff_see_everybodys(ines: User) -> None:
    deployment = records.make_failed(ines)
    operator = client_of(records.make_person("operator", is_staff=True))
    for method, address in addresses(deployment):
        assert getattr(operator, method)(address).status_code in (200, 202)
    assert operator.get(f"{ROOT}/applications").json()["applications"][0]["owner"] == "ines"


#: By the part of the address behind the application's or deployment's; one of each is the token's.
QUERIES = {
    "/applications": 6,
    "/applications/{application}": 6,
    "/applications/{application}/deployments": 6,
    "/applications/{application}/commands": 3,
    "/commands/{command}": 2,
    "/commands/{command}/output": 2,
    "/deployments/{deployment}": 2,
    "/deployments/{deployment}/steps": 3,
    "/deployments/{deployment}/steps/install/log": 3,
    "/limits": 3,
}


@pytest.mark.parametrize("path", QUERIES)
@pytest.mark.parametrize("others", [0, 5])
def test_the_number_of_queries_does_not_grow(
    program: Client, ines: User, django_assert_num_queries: DjangoAssertNumQueries, path: str, others: int
) -> None:
    deployment = records.make_serving_after_failure(ines)
    for number in range(others):
        records.make_live(ines, f"other-{number}")
    ran = [commands.manage(deployment.application, ["check"], by=ines) for _ in range(3 if others else 1)]
    ids = {"application": deployment.application_id, "deployment": deployment.pk, "command": ran[0].pk}
    address = ROOT + path.format(**ids)
    program.get(address)
    assert ApiToken.objects.get().last_used_at
    with django_assert_num_queries(QUERIES[path]):
        assert program.get(address).status_code == 200
