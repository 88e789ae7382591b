import io
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from ecdeployer.aws import ec2, images, ssm, tags
from ecdeployer.aws.errors import AWSError
from ecdeployer.aws.session import AWS
from ecdeployer.instances import golden_images, infrastructure, tasks
from ecdeployer.instances.models import GoldenImage
from pytest_django import Settings

from .conftest import BASE_AMI_PARAMETER

pytestmark = pytest.mark.django_db
SHA = "5" * 64
SUCCEEDED = "booting\necdeployer image: upgrade\necdeployer image: succeeded\n"


class Time:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lines: list[str] = []

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def clock(self) -> golden_images.Clock:
        return golden_images.Clock(say=self.lines.append, now=lambda: self.now, sleep=self.sleep)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def account(aws: AWS) -> AWS:
    list(infrastructure.ensure(aws))
    return aws


@pytest.fixture
def recipe(aws: AWS) -> golden_images.Recipe:
    return golden_images.Recipe(
        base_ami_id=ssm.public_parameter(aws, BASE_AMI_PARAMETER),
        instance_type="t3.micro",
        user_data=b"#!/bin/sh\n",
        script_sha256=SHA,
    )


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the console say one text after another; the last one stays."""

    def say(*texts: str | Exception) -> None:
        remaining = list(texts)

        def output(*_: Any) -> str:
            text = remaining.pop(0) if len(remaining) > 1 else remaining[0]
            if isinstance(text, Exception):
                raise text
            return text

        monkeypatch.setattr(ec2, "console_output", output)

    return say


def builders(aws: AWS) -> list[ec2.Machine]:
    return ec2.find_machines(aws, tag=(tags.BUILDER, "sites"))


def live_builders(aws: AWS) -> list[ec2.Machine]:
    return [machine for machine in builders(aws) if machine.state in ec2.LIVE_STATES]


def test_a_build_leaves_an_image_a_row_and_no_machine(
    account: AWS, recipe: golden_images.Recipe, console: Callable[..., None], time: Time
) -> None:
    console("", "booting\necdeployer image: upgrade\n", SUCCEEDED)
    row = golden_images.build(account, recipe, time.clock())
    image = images.find_image(account, row.ami_id)
    assert image is not None
    assert image.tags[tags.SCRIPT] == row.script_sha256 == SHA
    assert image.tags[tags.BASE] == row.base_ami_id == recipe.base_ami_id
    assert image.tags[tags.PREFIX] == "sites"
    assert [machine.state for machine in builders(account)] == ["terminated"]
    assert sum("upgrade" in line for line in time.lines) == 1


def test_the_builder_is_launched_by_our_template_and_tagged_without_a_row(
    account: AWS, recipe: golden_images.Recipe, console: Callable[..., None], time: Time
) -> None:
    console(SUCCEEDED)
    golden_images.build(account, recipe, time.clock())
    [machine] = builders(account)
    assert machine.tags[tags.PREFIX] == "sites"
    assert tags.INSTANCE not in machine.tags
    assert machine.ami_id == recipe.base_ami_id


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ecdeployer image: failed at cleaning up\n", "the script failed at cleaning up"),
        (
            "ecdeployer image: failed: no network\r\n\x1b[0;1mlogin:\x1b]0;title\x07",
            "the script failed no network",
        ),
        ("ecdeployer image: failed\n", "the script failed"),
    ],
)
def test_a_failed_script_gives_its_reason_and_the_log(
    account: AWS,
    recipe: golden_images.Recipe,
    console: Callable[..., None],
    time: Time,
    text: str,
    reason: str,
) -> None:
    console(f"\x1b[0;32mbefore\x1b[0m\n{text}")
    with pytest.raises(golden_images.BuildError) as caught:
        golden_images.build(account, recipe, time.clock())
    assert str(caught.value) == reason
    assert caught.value.log.startswith("before\necdeployer image: failed")
    assert not set(caught.value.log) & {"\x1b", "\r", "\x07"}
    assert live_builders(account) == []
    assert not GoldenImage.objects.exists()


def test_a_script_that_never_ends(
    account: AWS, recipe: golden_images.Recipe, console: Callable[..., None], time: Time
) -> None:
    console("still downloading")
    with pytest.raises(golden_images.BuildError, match="longer than 45 minutes") as caught:
        golden_images.build(account, recipe, time.clock())
    assert caught.value.log == "still downloading"
    assert live_builders(account) == []
    assert any("…" in line for line in time.lines)


def test_a_builder_that_somebody_ends(
    account: AWS, recipe: golden_images.Recipe, monkeypatch: pytest.MonkeyPatch, time: Time
) -> None:
    def output(aws: AWS, ec2_id: str) -> str:
        ec2.terminate(aws, ec2_id)
        return "half way"

    monkeypatch.setattr(ec2, "console_output", output)
    with pytest.raises(golden_images.BuildError, match="without a verdict"):
        golden_images.build(account, recipe, time.clock())


def test_an_aws_that_stumbles_is_asked_again(
    account: AWS, recipe: golden_images.Recipe, console: Callable[..., None], time: Time
) -> None:
    console(
        AWSError(code="InvalidInstanceID.NotFound", message="", kind="not-found"),
        AWSError(code="RequestLimitExceeded", message="", kind="throttled", retryable=True),
        SUCCEEDED,
    )
    assert golden_images.build(account, recipe, time.clock()).ami_id


def test_an_aws_that_refuses_is_not_asked_again(
    account: AWS, recipe: golden_images.Recipe, console: Callable[..., None], time: Time
) -> None:
    console(AWSError(code="UnauthorizedOperation", message="no", kind="denied"))
    with pytest.raises(AWSError, match="UnauthorizedOperation"):
        golden_images.build(account, recipe, time.clock())
    assert live_builders(account) == []


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_build_ends_its_builder(
    account: AWS,
    recipe: golden_images.Recipe,
    monkeypatch: pytest.MonkeyPatch,
    time: Time,
    interruption: type[BaseException],
) -> None:
    def output(*_: Any) -> str:
        raise interruption

    monkeypatch.setattr(ec2, "console_output", output)
    with pytest.raises(interruption):
        golden_images.build(account, recipe, time.clock())
    assert [machine.state for machine in builders(account)] == ["terminated"]


def test_a_launch_whose_answer_was_lost_is_ended_by_its_tag(
    account: AWS, recipe: golden_images.Recipe, monkeypatch: pytest.MonkeyPatch, time: Time
) -> None:
    run = ec2.run_instance

    def interrupted(aws: AWS, request: ec2.LaunchRequest) -> ec2.Machine:
        run(aws, request)
        raise KeyboardInterrupt

    monkeypatch.setattr(ec2, "run_instance", interrupted)
    with pytest.raises(KeyboardInterrupt):
        golden_images.build(account, recipe, time.clock())
    assert [machine.state for machine in builders(account)] == ["terminated"]


def test_the_next_build_ends_what_a_killed_one_left(
    account: AWS,
    recipe: golden_images.Recipe,
    console: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    time: Time,
) -> None:
    def killed(*_: Any) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ec2, "console_output", killed)
        patch.setattr(golden_images, "_end", lambda *_: True)
        with pytest.raises(KeyboardInterrupt):
            golden_images.build(account, recipe, time.clock())
    [left] = live_builders(account)
    console(SUCCEEDED)
    golden_images.build(account, recipe, time.clock())
    assert live_builders(account) == []
    assert any(left.ec2_id in line and "earlier build" in line for line in time.lines)


def test_a_full_zone_is_left_for_the_next_one_with_another_token(
    account: AWS,
    recipe: golden_images.Recipe,
    console: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    time: Time,
) -> None:
    run = ec2.run_instance
    requests: list[ec2.LaunchRequest] = []

    def full(aws: AWS, request: ec2.LaunchRequest) -> ec2.Machine:
        requests.append(request)
        if len(requests) < 3:
            raise AWSError(code="InsufficientInstanceCapacity", message="", kind="capacity")
        return run(aws, request)

    monkeypatch.setattr(ec2, "run_instance", full)
    console(SUCCEEDED)
    golden_images.build(account, recipe, time.clock())
    assert len({request.client_token for request in requests}) == 3
    subnets = [subnet.id for subnet in ec2.default_subnets(account)]
    assert [request.subnet_id for request in requests] == ["", *subnets[:2]]


def test_a_profile_that_ec2_does_not_know_yet_is_waited_for(
    account: AWS,
    recipe: golden_images.Recipe,
    console: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    time: Time,
) -> None:
    run = ec2.run_instance
    tokens: list[str] = []

    def unknown(aws: AWS, request: ec2.LaunchRequest) -> ec2.Machine:
        tokens.append(request.client_token)
        if len(tokens) == 1:
            raise AWSError(
                code="InvalidParameterValue", message="Value (sites) for Invalid IAM Instance Profile name"
            )
        return run(aws, request)

    monkeypatch.setattr(ec2, "run_instance", unknown)
    console(SUCCEEDED)
    golden_images.build(account, recipe, time.clock())
    assert len(tokens) == 2
    assert len(set(tokens)) == 1


def test_an_image_that_fails(
    account: AWS,
    recipe: golden_images.Recipe,
    console: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    time: Time,
) -> None:
    console(SUCCEEDED)
    failed = images.Image(ami_id="ami-1", state="failed", state_reason="disk full")
    monkeypatch.setattr(images, "find_image", lambda *_: failed)
    with pytest.raises(golden_images.BuildError, match="disk full"):
        golden_images.build(account, recipe, time.clock())
    assert live_builders(account) == []
    assert not GoldenImage.objects.exists()


def built(account: AWS, recipe: golden_images.Recipe, console: Callable[..., None]) -> GoldenImage:
    console(SUCCEEDED)
    return golden_images.build(account, recipe, Time().clock())


def test_an_image_of_the_same_script_is_usable(
    account: AWS, recipe: golden_images.Recipe, console: Callable[..., None]
) -> None:
    row = built(account, recipe, console)
    assert golden_images.find_usable(account, script_sha256=SHA) == row
    assert golden_images.find_usable(account, script_sha256="6" * 64) is None


def test_an_image_without_the_cloudwatch_agent_is_not_one_with_it(settings: Settings) -> None:
    def digest(*, agent: bool) -> str:
        settings.CLOUDWATCH_NAMESPACE, settings.CLOUDWATCH_AGENT = "sites", agent
        return golden_images.recipe(base_ami_id="ami-1", instance_type="t3.micro").script_sha256

    assert digest(agent=True) != digest(agent=False)


def test_a_new_database_learns_of_the_image_that_the_account_has(
    account: AWS, recipe: golden_images.Recipe, console: Callable[..., None]
) -> None:
    ami_id = built(account, recipe, console).ami_id
    GoldenImage.objects.all().delete()
    found = golden_images.find_usable(account, script_sha256=SHA)
    assert found is not None
    assert (found.ami_id, found.base_ami_id) == (ami_id, recipe.base_ami_id)
    assert GoldenImage.objects.get() == found


def test_an_image_that_another_hand_built_is_learnt_and_comes_first(
    account: AWS, recipe: golden_images.Recipe, console: Callable[..., None]
) -> None:
    old = built(account, recipe, console)
    new = built(account, replace(recipe, script_sha256="6" * 64), console).ami_id
    GoldenImage.objects.filter(ami_id=new).delete()
    tasks.learn_images()
    assert [image.ami_id for image in GoldenImage.objects.all()] == [new, old.ami_id]
    GoldenImage.objects.filter(ami_id=old.ami_id).update(created_at=timezone.now())
    assert golden_images.learn(account) == old


def test_a_row_whose_image_is_gone_is_forgotten(
    account: AWS, recipe: golden_images.Recipe, console: Callable[..., None]
) -> None:
    row = built(account, recipe, console)
    account.ec2.deregister_image(ImageId=row.ami_id)
    assert golden_images.find_usable(account, script_sha256=SHA) is None
    assert not GoldenImage.objects.exists()


def test_the_image_of_the_present_script_comes_first_again(
    account: AWS, recipe: golden_images.Recipe, console: Callable[..., None]
) -> None:
    row = built(account, recipe, console)
    copy = account.ec2.copy_image(Name="other", SourceImageId=row.ami_id, SourceRegion="eu-west-1")
    other = copy["ImageId"]
    account.ec2.create_tags(Resources=[other], Tags=[{"Key": tags.PREFIX, "Value": "sites"}])
    GoldenImage.objects.create(ami_id=other, name="other", script_sha256="6" * 64)
    GoldenImage.objects.filter(pk=row.pk).update(created_at=row.created_at - timedelta(days=1))
    golden_images.find_usable(account, script_sha256=SHA)
    newest = GoldenImage.objects.first()
    assert newest is not None
    assert newest.ami_id == row.ami_id


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("build_golden_image", *arguments, stdout=out, stderr=out)
    return out.getvalue()


@pytest.fixture
def _instant(monkeypatch: pytest.MonkeyPatch, recipe: golden_images.Recipe) -> None:
    monkeypatch.setattr(golden_images.Clock, "interval", 0.0)
    monkeypatch.setattr(golden_images, "recipe", lambda **_: recipe)


@pytest.mark.usefixtures("_instant")
def test_the_command_shows_elapsed_time_and_then_has_nothing_to_do(
    account: AWS, console: Callable[..., None], calls: list[str]
) -> None:
    console(SUCCEEDED)
    text = run("--if-missing")
    row = GoldenImage.objects.get()
    assert f"Golden image {row.ami_id} is what new instances start from." in text
    assert "s] builder i-" in text
    calls.clear()
    assert run("--if-missing") == f"Golden image {row.ami_id} is there.\n"
    assert "RunInstances" not in calls


@pytest.mark.usefixtures("_instant")
def test_the_command_shows_the_log_of_a_failure(account: AWS, console: Callable[..., None]) -> None:
    console("apt: no such package\necdeployer image: failed at apt\n")
    out = io.StringIO()
    with pytest.raises(CommandError, match="No image was made: the script failed at apt") as caught:
        call_command("build_golden_image", stdout=out, stderr=out)
    assert caught.value.returncode == 1
    assert "apt: no such package" in out.getvalue()


@pytest.mark.usefixtures("_instant")
def test_the_command_says_what_to_run_first(aws: AWS, console: Callable[..., None]) -> None:
    console(SUCCEEDED)
    with pytest.raises(CommandError, match=r"manage\.py ensure_infrastructure"):
        run()


@pytest.mark.usefixtures("_instant")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_the_builder(
    account: AWS, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    def output(*_: Any) -> str:
        os.kill(os.getpid(), number)
        return ""

    monkeypatch.setattr(ec2, "console_output", output)
    before = signal.getsignal(number)
    with pytest.raises(CommandError, match="Interrupted") as caught:
        run()
    assert caught.value.returncode == 130
    assert [machine.state for machine in builders(account)] == ["terminated"]
    assert signal.getsignal(number) is before
