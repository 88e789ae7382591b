"""Deployments from the command line: followed, failed, undone, stopped."""

import json
import os
import pty
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from ecdeploy import credentials, following, terminal
from ecdeploy.portal import Portal
from ecdeployer.accounts.models import User
from ecdeployer.deployments import migration_plans, progress
from ecdeployer.deployments.models import Deployment, Step
from ecdeployer.deployments.states import DeploymentState, StepName
from rich.console import Console

from tests import portal_records as records

from .conftest import Ecdeploy, Waits, Wire


def newest() -> Deployment:
    return Deployment.objects.order_by("-queued_at")[0]


def move(step: str, state: str, *, log: str = "") -> Callable[[], object]:
    """What a machine would report."""

    def report() -> None:
        now = timezone.now()
        found = Step.objects.filter(deployment=newest(), name=step)
        found.update(state=state, log=log, started_at=now, finished_at=None if state == "running" else now)
        Deployment.objects.filter(pk=newest().pk).update(state="running")

    return report


def move_end(step: str, state: str, *, log: str = "", **fields: Any) -> Callable[[], object]:
    """The step's end is the deployment's."""
    report = move(step, state, log=log)

    def end() -> None:
        report()
        Deployment.objects.filter(pk=newest().pk).update(state=state, finished_at=timezone.now(), **fields)

    return end


def test_a_deployment_is_followed_to_its_end(ecdeploy: Ecdeploy, ines: User, waits: Waits) -> None:
    live = records.make_live(ines)
    waits.meanwhile = [
        move("clone", "running"),
        move("clone", "succeeded"),
        move("install", "succeeded"),
        move_end("health", "succeeded"),
    ]
    result = ecdeploy("deploy", "-a", "bakery", "--again")
    assert result.exit_code == 0
    assert result.stdout == f"http://{live.instance.public_ip}/\n"
    told = [each.partition(" (")[0] for each in result.stderr.splitlines()]
    assert told == [
        "Clone the commit: running",
        "Clone the commit: done",
        "Install dependencies: done",
        "Check the site: done",
    ]
    assert newest().again


def test_followed_as_json_it_is_objects_alone(ecdeploy: Ecdeploy, ines: User, waits: Waits) -> None:
    records.make_live(ines)
    waits.meanwhile = [move("clone", "running"), lambda: None, move_end("health", "succeeded")]
    result = ecdeploy("deploy", "-a", "bakery", "--json")
    lines = [json.loads(each) for each in result.stdout.splitlines()]
    assert [each["deployment"]["state"] for each in lines] == ["queued", "running", "succeeded"]
    assert lines[1]["steps"][1]["state"] == "running"
    assert result.stderr == ""


def test_a_failure_says_all_that_is_known(ecdeploy: Ecdeploy, ines: User, waits: Waits) -> None:
    records.make_live(ines)
    log = "".join(f"line {number}\n" for number in range(2000)) + "No version of django-nonesuch\n"
    end = {"failed_step": "install", "reason": "It cannot be installed.", "remedy": "Correct the line."}
    waits.meanwhile = [move_end("install", "failed", log=log, **end)]
    result = ecdeploy("deploy", "-a", "bakery")
    assert (result.exit_code, result.stdout) == (1, "")
    told = result.stderr.splitlines()
    assert told[1:5] == [
        "Deployment 2: Failed at: Install dependencies",
        "It cannot be installed.",
        "Correct the line.",
        "",
    ]
    assert told[-1] == "  No version of django-nonesuch"
    assert len(told) == 6 + 25


def test_a_cancelled_one_is_no_success(ecdeploy: Ecdeploy, ines: User, waits: Waits) -> None:
    records.make_live(ines)
    waits.meanwhile = [lambda: ecdeploy("cancel", "-a", "bakery")]
    result = ecdeploy("deploy", "-a", "bakery")
    assert result.exit_code == 1
    assert "It was cancelled." in result.stderr
    assert ecdeploy("cancel", "-a", "bakery").exit_code == 2


def test_interrupted_it_goes_on_and_says_so(ecdeploy: Ecdeploy, ines: User, waits: Waits) -> None:
    records.make_live(ines)

    def interrupt() -> None:
        raise KeyboardInterrupt

    waits.meanwhile = [interrupt]
    result = ecdeploy("deploy", "-a", "bakery")
    assert result.exit_code == 130
    assert "ecdeploy cancel" in result.stderr
    assert newest().state == DeploymentState.QUEUED


def test_registering_follows_the_first_deployment(ecdeploy: Ecdeploy, waits: Waits) -> None:
    waits.meanwhile = [move_end("preflight", "failed", failed_step="preflight", reason="No manage.py.")]
    result = ecdeploy("create", "mysite", "https://github.com/example/site")
    assert result.exit_code == 1
    assert "mysite is registered: " in result.stderr
    assert "No manage.py." in result.stderr


def make_three(ines: User) -> list[Deployment]:
    made = [records.make_live(ines)]
    for _ in range(2):
        made.append(
            records.make_deployment(made[0].instance, DeploymentState.SUCCEEDED, kind=Deployment.Kind.LATER)
        )
    return made


def test_rolling_back_goes_to_the_release_before(ecdeploy: Ecdeploy, ines: User) -> None:
    first, second, _ = make_three(ines)
    result = ecdeploy("rollback", "-a", "bakery", "--no-follow", "--json")
    assert json.loads(result.stdout)["rolls_back_to_id"] == str(second.pk)
    Deployment.objects.filter(number=4).update(state="succeeded", finished_at=timezone.now())
    # The second serves again: the newest other release is the third, and the first is there by its number.
    third = json.loads(ecdeploy("rollback", "-a", "bakery", "--no-follow", "--json").stdout)
    assert Deployment.objects.get(pk=third["rolls_back_to_id"]).number == 3
    by_number = ecdeploy("rollback", "1", "-a", "bakery", "--no-follow", "--json")
    assert json.loads(by_number.stdout)["rolls_back_to_id"] == str(first.pk)


def test_confirming_migrations_deploys_their_commit(ecdeploy: Ecdeploy, ines: User) -> None:
    live = records.make_live(ines)
    dropped = {"app": "shop", "name": "0002", "operations": [], "flags": [], "reversible": True}
    waiting = records.make_deployment(
        live.instance, DeploymentState.FAILED, at=StepName.MIGRATE, kind=Deployment.Kind.LATER,
        failure_code=migration_plans.UNCONFIRMED, plan=[dropped],
    )  # fmt: skip
    result = ecdeploy("confirm", "2", "-a", "bakery", "--no-follow", "--json")
    confirmed = Deployment.objects.get(pk=json.loads(result.stdout)["id"])
    assert confirmed.commit_sha == waiting.commit_sha
    assert confirmed.confirmed_plan == migration_plans.digest(waiting.plan or [])
    assert "wait for nobody" in ecdeploy("confirm", "1", "-a", "bakery").stderr


def test_what_cannot_be_gone_back_to_is_refused(ecdeploy: Ecdeploy, ines: User) -> None:
    records.make_live(ines)
    assert "no release before" in ecdeploy("rollback", "-a", "bakery").stderr
    assert "no deployment 7" in ecdeploy("rollback", "7", "-a", "bakery").stderr
    refused = ecdeploy("rollback", "1", "-a", "bakery")
    assert refused.exit_code == 2
    assert "not kept" in refused.stderr


def test_logs_of_every_step_or_of_one(ecdeploy: Ecdeploy, ines: User) -> None:
    records.make_serving_after_failure(ines)
    every = ecdeploy("logs", "-a", "harbour")
    assert every.exit_code == 0
    assert "== Clone the commit\n" + records.LOGS["clone"] in every.stdout
    one = ecdeploy("logs", "-a", "harbour", "--step", "health")
    assert one.stdout == "GET / -> 500 in 80 ms\nKeyError: 'tide'\n"
    before = ecdeploy("logs", "-a", "harbour", "--step", "health", "--deployment", "1", "--json")
    assert json.loads(before.stdout)["text"] == records.LOGS["health"]
    wrong = ecdeploy("logs", "-a", "harbour", "--step", "brew")
    assert wrong.exit_code == 2
    assert "It has preflight" in wrong.stderr


def test_logs_are_followed_as_they_come(ecdeploy: Ecdeploy, ines: User, waits: Waits, wire: Wire) -> None:
    records.make_running(ines, "orchard", at=StepName.INSTALL)
    Step.objects.filter(name="install").update(log="one\n")
    waits.meanwhile = [
        move("install", "running", log="one\ntwo\n"),
        lambda: None,
        move("install", "running", log="o" * 70_000 + "\n"),
        move_end(
            "install", "failed", log="o" * 70_000 + "\nend\n", failed_step="install", reason="It failed."
        ),
    ]
    result = ecdeploy("logs", "-a", "orchard", "--step", "install", "--follow")
    assert result.exit_code == 1
    assert result.stdout == "one\ntwo\n" + "o" * (70_000 - 8) + "\nend\n"
    assert "It failed." in result.stderr


HOSTILE = "\x1b]0;title\x07\x1b[31mred\x1b[2J\r\x9b2J\u202eback [bold]plain[/bold] :smile:"


def test_nothing_that_a_terminal_obeys_is_written(ecdeploy: Ecdeploy, ines: User, waits: Waits) -> None:
    live = records.make_live(ines, description=HOSTILE)
    Deployment.objects.filter(pk=live.pk).update(commit_subject=HOSTILE, reason=HOSTILE)
    Step.objects.update(log=HOSTILE, message=HOSTILE)
    waits.meanwhile = [move_end("install", "failed", log=HOSTILE, failed_step="install", reason=HOSTILE)]
    said = [ecdeploy(*words, "-a", "bakery").output for words in (["status"], ["logs"], ["deploy"])]
    said += [ecdeploy(*words, "-a", "bakery", "--json").output for words in (["status"], ["logs"])]
    for text in said:
        assert not set(text) & set("\x1b\x07\r\x9b\u202e")
        assert "[bold]plain[/bold] :smile:" in text


@pytest.mark.parametrize("make", records.EVERY_STATE, ids=lambda make: make.__name__)
def test_the_bar_matches_the_pages(
    ecdeploy: Ecdeploy, ines: User, client: Any, make: Callable[[User], Deployment]
) -> None:
    deployment = make(ines)
    ours = following.read_progress(Portal(*credentials.choose(None)), str(deployment.pk))
    pages = progress.read_progress(deployment)
    client.force_login(ines)
    page = client.get(reverse("deployments:detail", args=[deployment.pk])).content.decode()
    assert ours.heading in " ".join(page.split())
    assert ours.finished == pages.finished
    assert [step["state"] for step in ours.steps] == [step.state for step in pages.steps]
    console = Console(file=StringIO(), width=60, color_system=None)
    console.print(ours)
    drawn = console.file.getvalue().splitlines()  # type: ignore[attr-defined] # the StringIO above
    assert drawn[0].startswith(ours.heading)
    assert drawn[1].count(" ") >= len(ours.steps) - 1
    assert len(drawn) == 2 + len(ours.steps)


@pytest.mark.parametrize("colour", [True, False])
def test_a_terminal_gets_the_bar_and_colours_where_they_are_wanted(
    ecdeploy: Ecdeploy, ines: User, waits: Waits, monkeypatch: pytest.MonkeyPatch, colour: bool
) -> None:
    records.make_live(ines)
    master, slave = pty.openpty()
    monkeypatch.setenv("TERM", "xterm-256color")
    if not colour:
        monkeypatch.setenv("NO_COLOR", "1")
    with os.fdopen(slave, "w") as stderr:
        drawn = Console(file=stderr, highlight=False, markup=False, soft_wrap=True, width=70)
        monkeypatch.setattr(terminal, "beside", lambda: drawn)
        waits.meanwhile = [move("clone", "running"), move_end("health", "succeeded")]
        assert ecdeploy("deploy", "-a", "bakery").exit_code == 0
        text = os.read(master, 1 << 16).decode()
    os.close(master)
    assert "Step 2 of 9: Clone the commit" in text
    assert "The site went live" in text
    assert "━━" in text
    assert ("\x1b[33m" in text) == colour
