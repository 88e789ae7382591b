import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application
from ecdeployer.deployments import endings
from ecdeployer.deployments.models import Deployment
from ecdeployer.deployments.states import FIRST_DEPLOYMENT_STEPS, DeploymentState, StepName
from ecdeployer.instances.states import InstanceState

pytestmark = pytest.mark.django_db
URL = "https://github.com/alice/site"


@pytest.fixture
def owner() -> User:
    return User.objects.create_user("alice")


def run(name: str, *arguments: str) -> str:
    out = io.StringIO()
    call_command(name, *arguments, stdout=out)
    return out.getvalue()


def create(*arguments: str) -> str:
    return run(
        "create_application", "--owner", "alice", "--project-name", "mysite", "--github-url", URL, *arguments
    )


def refused(*arguments: str) -> tuple[int, str]:
    with pytest.raises(CommandError) as caught:
        create(*arguments)
    return caught.value.returncode, str(caught.value)


def test_the_command_does_what_the_form_does(owner: User) -> None:
    out = create("--branch", "next", "--env", "A_KEY=a=b", "--env", "EMPTY=", "--name", "shop")
    application = Application.objects.get()
    assert (application.owner, application.name, application.branch) == (owner, "shop", "next")
    assert dict(application.environment.values_list("name", "value")) == {"A_KEY": "a=b", "EMPTY": ""}
    deployment = application.deployments.get()
    assert (deployment.trigger, deployment.created_by) == ("command", None)
    assert out == f"queued: http://127.0.0.1:8000{application.get_absolute_url()}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--project-name", "../etc"], "project_name: "),
        (["--github-url", "file:///etc"], "github_url: "),
        (["--branch=--upload-pack=x"], "branch: "),
        (["--instance-type", "x1e.32xlarge"], "instance_type: "),
        (["--health-path", "http://169.254.169.254/"], "health_path: "),
        (["--env", "NOVALUE"], "environment: "),
        (["--env", "A=1", "--env", "A=2"], "environment: "),
        (["--env", "LD_PRELOAD=x"], "environment: "),
        (["--owner", "nobody"], "owner: there is no user nobody"),
    ],
)
def test_wrong_input_names_its_field(owner: User, arguments: list[str], message: str) -> None:
    code, text = refused(*arguments)
    assert code == 2
    assert text.startswith(message)
    assert not Application.objects.exists()


def test_several_mistakes_are_told_at_once(owner: User) -> None:
    _, text = refused("--branch", "a..b", "--health-path", "x")
    assert {line.partition(":")[0] for line in text.splitlines()} == {"branch", "health_path"}


def live(application: Application) -> Deployment:
    deployment = application.deployments.get()
    application.instances.update(state=InstanceState.RUNNING, ec2_id="i-0abc", public_ip="203.0.113.7")
    deployment.move(DeploymentState.RUNNING, started_at=timezone.now())
    deployment.move(DeploymentState.SUCCEEDED, finished_at=timezone.now())
    deployment.steps.update(state="succeeded", started_at=timezone.now(), finished_at=timezone.now())
    return deployment


def following(monkeypatch: pytest.MonkeyPatch, act: Any) -> None:
    """Something happens to the deployment while the command waits."""
    monkeypatch.setattr(
        "ecdeployer.applications.management.following.time.sleep", lambda _: act(Application.objects.get())
    )


def test_waiting_prints_the_steps_as_they_end(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    following(monkeypatch, live)
    lines = create("--wait").splitlines()
    assert [line.split()[0] for line in lines] == [*FIRST_DEPLOYMENT_STEPS, "live:"]
    assert lines[-1] == "live: http://203.0.113.7/"


def test_one_object_tells_everything(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    following(monkeypatch, live)
    told = json.loads(create("--wait", "--json"))
    assert told["addresses"] == ["http://203.0.113.7/"]
    assert told["instance"]["id"] == "i-0abc"
    assert told["deployment"]["state"] == "succeeded"
    assert [step["name"] for step in told["steps"]] == list(FIRST_DEPLOYMENT_STEPS)
    assert all(step["seconds"] >= 0 for step in told["steps"])
    assert set(told) == {
        "application",
        "instance",
        "addresses",
        "deployment",
        "steps",
        "findings",
        "changes",
    }


def test_a_failure_has_its_step_and_reason_and_log(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(application: Application) -> None:
        deployment = application.deployments.get()
        deployment.move(DeploymentState.RUNNING, started_at=timezone.now())
        deployment.steps.filter(name="install").update(log="no such package\n")
        endings.fail(deployment, StepName.INSTALL, code="install-failed", reason="It cannot be installed.")

    following(monkeypatch, fail)
    code, text = refused("--wait")
    assert code == 1
    assert text.startswith("install: It cannot be installed.\n")
    assert text.endswith("no such package")


def test_the_time_may_be_up(owner: User) -> None:
    code, text = refused("--wait", "--timeout", "0")
    assert code == 1
    assert "had not ended" in text


def test_terminating_by_name(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    create()

    def gone(application: Application) -> None:
        application.instances.update(state=InstanceState.TERMINATED)

    monkeypatch.setattr(
        "ecdeployer.applications.management.commands.terminate_application.time.sleep",
        lambda _: gone(Application.objects.get()),
    )
    assert run("terminate_application", "mysite", "--wait") == "mysite is terminated\n"
    assert Application.objects.get().terminate_requested_at is not None


def test_a_name_that_two_people_use_needs_its_owner(owner: User) -> None:
    create()
    bob = User.objects.create_user("bob")
    Application.objects.update(owner=bob)
    create()
    with pytest.raises(CommandError, match="owner: say whose mysite: alice, bob") as caught:
        run("terminate_application", "mysite")
    assert caught.value.returncode == 2
    run("terminate_application", "mysite", "--owner", "bob")
    assert Application.objects.get(owner=owner).terminate_requested_at is None


def test_deploying_by_name(owner: User) -> None:
    create()
    live(Application.objects.get())
    assert run("deploy_application", "mysite").startswith("queued: ")
    run("deploy_application", "mysite", "--again", "--commit", "A" * 40)
    deployment = Deployment.objects.get(number=3)
    assert (deployment.commit_sha, deployment.again) == ("a" * 40, True)
    with pytest.raises(CommandError, match="40 hexadecimal digits"):
        run("deploy_application", "mysite", "--commit", "main")
    with pytest.raises(CommandError, match="no application nothing"):
        run("deploy_application", "nothing")
