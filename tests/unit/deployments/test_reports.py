import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone
from ecdeployer.deployments import deadlines, endings
from ecdeployer.deployments.models import Deployment, Step
from ecdeployer.deployments.states import StepName
from ecdeployer.machine_reports import BODY_LIMIT
from pytest_django import DjangoAssertNumQueries

from tests.unit.deployments.conftest import TOKEN

StepOf = Callable[[str], Step]


def post(deployment: Deployment, body: Any, *, token: str = TOKEN) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body)
    return Client(enforce_csrf_checks=True).post(
        f"/reports/{deployment.pk}/",
        content,
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )


def event(number: int, step: str, state: str, message: str = "") -> dict[str, Any]:
    return {"number": number, "step": step, "state": state, "at": time.time(), "message": message}


def log(step: str, offset: int, text: str) -> dict[str, Any]:
    return {"step": step, "offset": offset, "next": offset + len(text), "text": text}


def test_steps_follow_the_machine(booting: Deployment, step_of: StepOf) -> None:
    events = [event(1, "boot", "running"), event(2, "boot", "succeeded"), event(3, "clone", "running")]
    answer = post(booting, {"events": events})
    assert (answer.status_code, answer.json()) == (200, {"event": 3, "logs": {}, "final": False})
    assert step_of("boot").state == "succeeded"
    assert step_of("boot").finished_at is not None
    assert step_of("clone").state == "running"
    booting.refresh_from_db()
    assert booting.heard_at is not None
    assert booting.deadline is not None
    assert booting.deadline > timezone.now()


def test_no_report_puts_the_end_off_for_ever(booting: Deployment) -> None:
    """A machine that begins anew has its time again; the whole deployment has an end."""
    all_steps = deadlines.of_all(booting.steps.values_list("name", flat=True))
    assert timedelta(hours=3) < all_steps < timedelta(hours=5)
    for number, hours in enumerate((0, 2, 4, 40), start=1):
        begun = timezone.now() - timedelta(hours=hours)
        Deployment.objects.filter(pk=booting.pk).update(started_at=begun)
        post(booting, {"events": [event(number, "boot", "running")]})
        booting.refresh_from_db()
        assert booting.last_event == number
        assert booting.deadline
        left = booting.deadline - timezone.now()
        expected = min(deadlines.of(["boot"]), all_steps - timedelta(hours=hours))
        assert abs(left - expected) < timedelta(seconds=30)


def test_a_machine_that_goes_on_speaking_is_looked_at_when_its_time_is_over(booting: Deployment) -> None:
    Deployment.objects.filter(pk=booting.pk).update(deadline=timezone.now() + timedelta(seconds=3))
    booting.steps.filter(name="launch").update(state="succeeded")
    post(booting, {"events": []})
    booting.refresh_from_db()
    assert booting.due_at == booting.deadline
    Deployment.objects.filter(pk=booting.pk).update(deadline=timezone.now() + timedelta(minutes=3))
    post(booting, {"events": []})
    booting.refresh_from_db()
    assert booting.due_at
    assert booting.due_at < timezone.now() + deadlines.SILENCE


def test_an_event_is_applied_once_and_no_step_goes_back(booting: Deployment, step_of: StepOf) -> None:
    post(booting, {"events": [event(4, "clone", "succeeded")]})
    finished = step_of("clone").finished_at
    post(booting, {"events": [event(4, "clone", "failed")]})
    post(booting, {"events": [event(3, "venv", "running")]})
    answer = post(booting, {"events": [event(5, "clone", "running"), event(6, "clone", "failed")]})
    assert answer.json()["event"] == 6
    assert (step_of("clone").state, step_of("clone").finished_at) == ("succeeded", finished)
    assert step_of("venv").state == "pending"


def test_log_text_is_taken_at_its_place_alone(booting: Deployment, step_of: StepOf) -> None:
    assert post(booting, {"logs": [log("install", 0, "one\n")]}).json()["logs"] == {"install": 4}
    post(booting, {"logs": [log("install", 0, "one\n")]})
    post(booting, {"logs": [log("install", 9, "far\n")]})
    post(booting, {"logs": [log("install", 4, "two\n")]})
    assert step_of("install").log == "one\ntwo\n"


def test_the_plan_is_kept_as_it_came_first(booting: Deployment) -> None:
    flag = {"kind": "opaque", "text": "Runs hunter-two."}
    migration = {
        "app": "hunter-two",
        "name": "0001",
        "operations": ["hunter-two"],
        "flags": [flag],
        "reversible": True,
    }
    assert post(booting, {"events": [event(1, "clone", "running")]}).status_code == 200
    booting.refresh_from_db()
    assert booting.plan is None
    assert post(booting, {"plan": [migration]}).status_code == 200
    assert post(booting, {"plan": []}).status_code == 200
    booting.refresh_from_db()
    hidden = {"operations": ["******"], "flags": [{"kind": "opaque", "text": "Runs ******."}]}
    # What was confirmed is compared by names: those stay.
    assert booting.plan == [{**migration, **hidden}]


def test_nothing_secret_reaches_a_page(booting: Deployment, step_of: StepOf) -> None:
    secret = f"hunter-two {TOKEN} \x1b[31m<script>"
    change = {"setting": "X", "from": secret, "to": secret, "why": secret}
    result = {"state": "failed", "step": "install", "reason": secret, "code": "x"}
    body = {
        "events": [event(1, "install", "running", secret)],
        "logs": [log("install", 0, secret)],
        "changes": [change],
        "result": result,
    }
    assert post(booting, body).status_code == 200
    booting.refresh_from_db()
    shown = f"{booting.changes} {booting.result} {step_of('install').log} {step_of('install').message}"
    assert "hunter-two" not in shown
    assert TOKEN not in shown
    assert "\x1b" not in shown
    assert "****** ****** <script>" in step_of("install").log


def test_the_result_makes_it_due_at_once_and_counts_once(booting: Deployment) -> None:
    result = {"state": "succeeded", "step": "health", "reason": "", "code": ""}
    answer = post(booting, {"result": result})
    assert answer.json()["final"] is True
    post(booting, {"result": {**result, "state": "failed"}})
    booting.refresh_from_db()
    assert booting.result == result
    assert booting.due_at is not None
    assert booting.due_at <= timezone.now()


def test_the_last_word_on_health_is_the_portals(booting: Deployment, step_of: StepOf) -> None:
    post(booting, {"events": [event(1, "health", "running"), event(2, "health", "succeeded")]})
    assert step_of("health").state == "running"
    assert "public address" in step_of("health").message


def test_a_wild_clock_stays_inside_the_deployment(booting: Deployment, step_of: StepOf) -> None:
    early, late = {**event(1, "clone", "running"), "at": 0}, {**event(2, "clone", "succeeded"), "at": 9e10}
    post(booting, {"events": [early, late]})
    clone = step_of("clone")
    assert clone.started_at == booting.started_at
    assert clone.finished_at is not None
    assert clone.finished_at <= timezone.now()


def test_who_may_not_report(booting: Deployment) -> None:
    assert post(booting, {}, token="wrong").status_code == 401
    assert post(booting, {}, token="").status_code == 401
    assert post(Deployment(), {}).status_code == 404
    assert Client().get(f"/reports/{booting.pk}/").status_code == 405
    endings.fail(booting, StepName.BOOT, code="boot-timeout", reason="It did not end in time.")
    assert post(booting, {}).status_code == 410
    Deployment.objects.update(result={"state": "failed", "step": "boot", "reason": "", "code": ""})
    assert post(booting, {}).status_code == 409


def test_a_machine_that_speaks_is_looked_at_later(booting: Deployment) -> None:
    Deployment.objects.update(due_at=timezone.now())
    post(booting, {})
    booting.refresh_from_db()
    assert booting.due_at is not None
    assert booting.due_at > timezone.now()


def test_a_launch_that_is_not_finished_is_looked_at_however_much_the_machine_says(
    booting: Deployment,
) -> None:
    """Its worker may have died before the environment was written, for which the machine waits."""
    booting.steps.filter(name="launch").update(state="running")
    due_at = timezone.now()
    Deployment.objects.update(due_at=due_at)
    post(booting, {"events": [event(1, "boot", "running")]})
    booting.refresh_from_db()
    assert booting.due_at == due_at
    assert booting.heard_at


def test_the_machine_of_a_cancelled_deployment_is_told_to_stop(booting: Deployment) -> None:
    endings.cancel(booting, reason="It was cancelled.")
    assert post(booting, {}).status_code == 410


def test_a_deployment_without_a_token_takes_none(deployment: Deployment) -> None:
    assert post(deployment, {}, token="").status_code == 401


def test_what_is_no_report(booting: Deployment) -> None:
    assert post(booting, b"{").status_code == 400
    assert post(booting, b" " * (BODY_LIMIT + 1)).status_code == 413
    booting.refresh_from_db()
    assert booting.heard_at is None


def test_a_report_takes_few_queries(
    booting: Deployment, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    body = {
        "events": [event(number, "clone", "running") for number in range(1, 20)],
        "logs": [log("clone", 0, "text\n")],
    }
    # The token, the row, its steps, the secrets, three writes, and the savepoints of two transactions.
    with django_assert_num_queries(9):
        post(booting, body)
