"""From the command line to a site that answers, with every process of the portal and machines that boot."""

import ast
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.integration.deployment_stack import (
    BRIDGE,
    CLOUD_PORT,
    GIT_PORT,
    WEB_PORT,
    Stack,
    running_stack,
    start_web,
    start_worker,
    wait_until,
)
from tests.integration.guestbook import GUESTBOOK


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("stack")) as running:
        running.publish("guestbook", GUESTBOOK)
        yield running


def machines() -> list[dict[str, Any]]:
    """Those that are not on their way out."""
    client = boto3.client(
        "ec2",
        endpoint_url=f"http://127.0.0.1:{CLOUD_PORT}",
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    found = client.describe_instances(
        Filters=[{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    )
    return [dict(each) for reservation in found["Reservations"] for each in reservation["Instances"]]


def fetch(address: str) -> str:
    with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310
        return str(answer.read().decode())


def test_a_site_comes_live_changes_and_goes(stack: Stack, tmp_path: Path) -> None:
    told, _ = stack.create("guestbook", "--project-name=guestbook", "--name=life")
    (address,) = told["addresses"]
    assert address == f"http://{told['instance']['public_ip']}/"
    assert "uest" in fetch(address)
    assert told["instance"]["state"] == "running"
    assert told["deployment"]["commit"]
    assert {step["state"] for step in told["steps"]} == {"succeeded"}
    assert all(step["seconds"] is not None for step in told["steps"])
    assert "DEBUG" in {change["setting"] for change in told["changes"]}

    said, _ = stack.manage("deploy_application", "life", "--wait", "--json")
    accident = json.loads(said)["deployment"]
    assert (accident["number"], accident["state"], accident["code"]) == (2, "skipped", "already-live")
    said, _ = stack.manage("deploy_application", "life", "--again", "--wait", "--json")
    again = json.loads(said)
    assert again["deployment"]["number"] == 3
    assert again["instance"]["id"] == told["instance"]["id"]
    assert "launch" not in {step["name"] for step in again["steps"]}
    assert "uest" in fetch(address)

    assert "is terminated" in stack.manage("terminate_application", "life", "--wait", "--timeout=60")[0]
    assert told["instance"]["id"] not in {each["InstanceId"] for each in machines()}
    wait_until(
        lambda: (
            left_of(stack, "life")
            == [("address", False), ("instance", False), ("parameters", False), ("volume", False)]
        ),
        seconds=60,
    )


def left_of(stack: Stack, name: str) -> list[tuple[str, bool]]:
    """What was made at AWS, and whether it is still there."""
    query = (
        "from ecdeployer.instances.models import LedgerEntry as L; "
        f"print([(e.kind, e.gone_at is None) for e in L.objects.filter(instance__application__name={name!r})"
        ".order_by('kind')])"
    )
    found: list[tuple[str, bool]] = ast.literal_eval(stack.manage("shell", "--verbosity=0", "-c", query)[0])
    return found


def test_a_repository_without_the_project_launches_nothing(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "README").write_text("There is no project here.")
    stack.publish("broken", tmp_path)
    before = len(machines())
    told, said = stack.create("broken", "--project-name=mysite", code=1)
    assert said.startswith("CommandError: preflight: ")
    assert told["deployment"]["failed_step"] == "preflight"
    assert any(finding["level"] == "error" for finding in told["findings"])
    assert (told["instance"]["id"], told["instance"]["state"]) == (None, "failed")
    assert len(machines()) == before


def test_a_repository_that_is_not_there_is_told_apart(stack: Stack) -> None:
    told, said = stack.create("nowhere", "--project-name=mysite", code=1)
    assert told["deployment"]["code"] == "repository-not-found"
    assert "no public repository" in said


def test_requirements_that_do_not_exist_fail_in_the_installers_words(stack: Stack, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    stack.publish("unmet", GUESTBOOK)
    tree.mkdir()
    (tree / "requirements.txt").write_text("django~=5.2.0\nec-no-such-package==9.9\n")
    stack.publish("unmet", tree)
    told, said = stack.create("unmet", "--project-name=guestbook", "--name=unmet", code=1)
    assert told["deployment"]["failed_step"] == "install"
    assert "ec-no-such-package" in said
    stack.manage("terminate_application", "unmet", "--wait", "--timeout=60")


def test_a_worker_that_is_killed_is_followed_by_another(stack: Stack) -> None:
    url = f"http://{BRIDGE}:{GIT_PORT}/guestbook"
    stack.manage(
        "create_application",
        "--owner=alice",
        f"--github-url={url}",
        "--project-name=guestbook",
        "--name=killed",
    )
    wait_until(lambda: machines(), seconds=30)
    stack.kill("worker")
    start_worker(stack)

    def is_live() -> bool:
        deployment = "Deployment.objects.get(application__name='killed')"
        query = f"from ecdeployer.deployments.models import Deployment; print({deployment}.state)"
        return "succeeded" in stack.manage("shell", "--verbosity=0", "-c", query)[0]

    wait_until(is_live, seconds=120)
    assert len(machines()) == 1
    stack.manage("terminate_application", "killed", "--wait", "--timeout=60")


def test_the_door_for_reports_is_shut_to_strangers(stack: Stack) -> None:
    target = f"http://{BRIDGE}:{WEB_PORT}/reports/00000000-0000-0000-0000-000000000000/"
    request = urllib.request.Request(target, b"{}", {"Authorization": "Bearer x"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)  # noqa: S310
    assert caught.value.code == 404
    caught.value.close()


#: Settings that keep the machine busy without a word.
HANGING = "import subprocess\nsubprocess.run(['sleep', '600'], check=True)\n"


def hang(stack: Stack, name: str, folder: Path) -> None:
    settings = (GUESTBOOK / "guestbook" / "guestbook" / "settings.py").read_text()
    hanging = folder / "guestbook" / "guestbook" / "settings.py"
    hanging.parent.mkdir(parents=True)
    hanging.write_text(HANGING + settings)
    stack.publish(name, folder)


def runs(stack: Stack, name: str, step: str) -> bool:
    steps = f"Step.objects.filter(deployment__application__name={name!r}, name={step!r}, state='running')"
    query = f"from ecdeployer.deployments.models import Step\nprint({steps}.count())"
    return stack.manage("shell", "--verbosity=0", "-c", query)[0].strip() == "1"


def test_a_cancelled_deployment_stops_on_the_machine_and_the_site_stays(stack: Stack, tmp_path: Path) -> None:
    stack.publish("hanging", GUESTBOOK)
    told, _ = stack.create("hanging", "--project-name=guestbook", "--name=hanging")
    hang(stack, "hanging", tmp_path)
    stack.manage("deploy_application", "hanging")
    wait_until(lambda: runs(stack, "hanging", "configure"), seconds=60)
    stack.manage("cancel_deployment", "hanging")
    assert "uest" in fetch(told["addresses"][0])
    stack.publish("hanging", GUESTBOOK)
    # The next one waits on the machine until the cancelled one has given up.
    said, _ = stack.manage("deploy_application", "hanging", "--wait", "--json", "--timeout=60")
    assert json.loads(said)["deployment"]["state"] == "succeeded"
    assert "uest" in fetch(told["addresses"][0])
    stack.manage("terminate_application", "hanging", "--wait", "--timeout=60")


def test_cancelling_a_first_deployment_ends_its_machine(stack: Stack, tmp_path: Path) -> None:
    stack.publish("stuck", GUESTBOOK)
    hang(stack, "stuck", tmp_path)
    url = f"http://{BRIDGE}:{GIT_PORT}/stuck"
    stack.manage(
        "create_application",
        "--owner=alice",
        f"--github-url={url}",
        "--project-name=guestbook",
        "--name=stuck",
    )
    wait_until(lambda: runs(stack, "stuck", "configure"), seconds=60)
    before = len(machines())
    stack.manage("cancel_deployment", "stuck")
    wait_until(lambda: len(machines()) == before - 1, seconds=60)
    assert "nothing to cancel" in stack.manage("cancel_deployment", "stuck", code=1)[1]


def run(stack: Stack, name: str, line: str, *, code: int = 0) -> str:
    said, told = stack.manage("run_command", name, line, code=code)
    return said + told


def test_commands_run_on_the_machine_as_the_site(stack: Stack) -> None:
    stack.create("guestbook", "--project-name=guestbook", "--name=commanded")
    assert "[X] 0001_initial" in run(stack, "commanded", "showmigrations entries")
    who = run(stack, "commanded", "shell -c 'import os; print(os.getuid(), os.environ[\"HOME\"])'").split()
    assert int(who[-2]) > 0
    assert who[-1] == "/srv/ecdeployer/shared/home"
    assert "It ended with 7" in run(stack, "commanded", "shell -c 'raise SystemExit(7)'", code=7)
    assert "$(id); `id`" in run(stack, "commanded", "shell -c \"print('$(id); `id`')\"")

    create = (
        "from ecdeployer.applications.models import *; from ecdeployer.commands import actions; "
        "actions.create_superuser(Application.objects.get(name='commanded'), "
        "username='ada', email='a@example.com', password='correct horse', by=None)"
    )
    stack.manage("shell", "--verbosity=0", "-c", create)
    sign_in = (
        'shell -c "from django.contrib.auth import authenticate; '
        "print(authenticate(username='ada', password='correct horse'))\""
    )
    wait_until(lambda: "ada" in run(stack, "commanded", sign_in), seconds=60)
    stack.manage("terminate_application", "commanded", "--wait", "--timeout=60")


def test_a_machine_that_cannot_report_is_stopped_too(stack: Stack, tmp_path: Path) -> None:
    stack.publish("mute", GUESTBOOK)
    told, _ = stack.create("mute", "--project-name=guestbook", "--name=mute")
    hang(stack, "mute", tmp_path)
    stack.manage("deploy_application", "mute")
    wait_until(lambda: runs(stack, "mute", "configure"), seconds=60)
    stack.kill("web")
    try:
        stack.manage("cancel_deployment", "mute")
        count = "import os; print(os.popen('pgrep -xc sleep').read())"
        wait_until(lambda: run(stack, "mute", f'shell -c "{count}"').split()[-1] == "0", seconds=60)
        assert "uest" in fetch(told["addresses"][0])
    finally:
        start_web(stack)
    stack.manage("terminate_application", "mute", "--wait", "--timeout=60")
