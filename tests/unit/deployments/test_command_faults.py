"""Every line that docs/faults.md has of Run Command and parameters, as botocore brings it."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from unittest.mock import create_autospec, patch

import pytest
from botocore.stub import Stubber
from django.core.cache import cache
from django.utils import timezone
from ecdeployer.aws.command_ends import ENDS, UNLISTED
from ecdeployer.aws.errors import RULES
from ecdeployer.aws.faults_page import COMMAND_FAULTS, CommandFault
from ecdeployer.aws.session import AWS
from ecdeployer.deployments import deadlines
from ecdeployer.deployments.models import Deployment
from ecdeployer.deployments.provisioning import advance
from ecdeployer.deployments.states import DeploymentState, StepName
from ecdeployer.instances import addresses, commands, environment, run_documents

from tests.portal_records import make_deployment, make_live, make_person

from .world import DOCUMENT, FACTS

pytestmark = pytest.mark.django_db
COMMAND = "c" * 36
QUESTION = "d" * 36
VALUE = "sk_live_1-hidden"


@pytest.fixture
def ssm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """What Systems Manager answers, one thing after the other; all of it must have been asked for."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    connection = AWS("eu-west-1")
    # Credentials that are read anew are the same here, and so is the client.
    monkeypatch.setattr(connection, "_forget_credentials", lambda: None)
    monkeypatch.setattr(run_documents, "find", lambda *_: DOCUMENT)
    monkeypatch.setattr(environment, "_account", lambda _: "123456789012")
    for module in (commands, environment):
        monkeypatch.setattr(module, "aws", lambda: connection)
    monkeypatch.setattr("ecdeployer.deployments.machine.aws", lambda: connection)
    monkeypatch.setattr(addresses, "ensure", create_autospec(addresses.ensure))
    with Stubber(connection.ssm) as stub:
        yield stub
        stub.assert_no_pending_responses()


@pytest.fixture
def deployment() -> Deployment:
    """A later one, of which nothing was heard since its command was sent."""
    live = make_live(make_person("ines"))
    live.application.environment.update(value=VALUE)
    later = make_deployment(
        live.instance,
        DeploymentState.RUNNING,
        at=StepName.CLONE,
        kind=Deployment.Kind.LATER,
        command_id=COMMAND,
        facts=FACTS.to_dict(),
    )
    now = timezone.now()
    Deployment.objects.filter(pk=later.pk).update(
        started_at=now - timedelta(minutes=2), due_at=now, deadline=now + deadlines.COMMAND
    )
    later.refresh_from_db()
    return later


def refuse(ssm: Stubber, method: str, code: str) -> None:
    """As AWS does; expired credentials are read anew, once, and refused again."""
    for _ in range(2 if code == "ExpiredTokenException" else 1):
        ssm.add_client_error(method, code, f"words, Value '{VALUE}' at 'value'", http_status_code=400)


def levels(caplog: pytest.LogCaptureFixture, text: str) -> set[str]:
    return {record.levelname for record in caplog.records if text in record.getMessage()}


def faults(call: str) -> list[CommandFault]:
    return [fault for fault in COMMAND_FAULTS if fault.call == call]


@pytest.mark.parametrize("fault", [*faults("PutParameter"), *faults("SendCommand")], ids=str)
def test_a_request_that_is_refused(
    ssm: Stubber, deployment: Deployment, caplog: pytest.LogCaptureFixture, fault: CommandFault
) -> None:
    caplog.set_level(logging.INFO)
    Deployment.objects.filter(pk=deployment.pk).update(command_id="")
    if fault.call == "PutParameter":
        refuse(ssm, "put_parameter", fault.code)
    else:
        ssm.add_response("put_parameter", {})
        ssm.add_response("delete_parameters", {})
        ssm.add_response("list_commands", {"Commands": []})
        refuse(ssm, "send_command", fault.code)
    pause = advance(deployment.pk)
    deployment.refresh_from_db()
    person = RULES[fault.code].person
    assert levels(caplog, f"{fault.code}: words") == {fault.level}
    assert f"({fault.call}, request" in caplog.text
    assert VALUE not in caplog.text
    if fault.lasts:
        assert pause is not None
        assert deployment.state == DeploymentState.RUNNING
        assert deployment.steps.get(name=StepName.CLONE).message == person
    else:
        assert (deployment.failure_code, deployment.reason) == (f"aws-{RULES[fault.code].kind}", person)


@pytest.mark.parametrize("fault", faults("GetCommandInvocation"), ids=str)
def test_a_look_that_is_refused(
    ssm: Stubber, deployment: Deployment, caplog: pytest.LogCaptureFixture, fault: CommandFault
) -> None:
    caplog.set_level(logging.INFO)
    for seconds in (0, 29):
        sent_at = timezone.now() - timedelta(seconds=seconds)
        Deployment.objects.filter(pk=deployment.pk).update(deadline=sent_at + deadlines.COMMAND)
        refuse(ssm, "get_command_invocation", fault.code)
        assert advance(deployment.pk) is not None
    assert levels(caplog, f"{fault.code}: words") == {fault.level}
    deployment.refresh_from_db()
    assert deployment.state == DeploymentState.RUNNING


def test_a_command_that_aws_does_not_list_after_thirty_seconds(
    ssm: Stubber, deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    sent_at = timezone.now() - timedelta(seconds=31)
    Deployment.objects.filter(pk=deployment.pk).update(deadline=sent_at + deadlines.COMMAND)
    refuse(ssm, "get_command_invocation", UNLISTED)
    assert advance(deployment.pk) is None
    ended(deployment, UNLISTED, caplog)


def ended(deployment: Deployment, name: str, caplog: pytest.LogCaptureFixture) -> None:
    end = ENDS[name]
    deployment.refresh_from_db()
    assert (deployment.failed_step, deployment.failure_code) == (StepName.CLONE, end.code)
    assert deployment.reason == end.person
    assert deployment.remedy
    level = "ERROR" if end.is_alarm else "WARNING"
    assert levels(caplog, f"deployment {deployment.pk}: command {COMMAND} ended as {name}") == {level}
    assert VALUE not in caplog.text
    assert VALUE not in deployment.steps.get(name=StepName.CLONE).log


@pytest.mark.parametrize("name", sorted(ENDS.keys() - {UNLISTED}))
@pytest.mark.parametrize("where", ["status", "details"])
def test_a_command_that_ends_without_success(
    ssm: Stubber, deployment: Deployment, caplog: pytest.LogCaptureFixture, name: str, where: str
) -> None:
    """Where it may have begun on the machine, that is asked first, and has nothing to say here."""
    deployment.steps.filter(name=StepName.CLONE).update(log="")
    told = (
        {"Status": name}
        if where == "status" and name in STATUSES
        else {"Status": "Failed", "StatusDetails": name}
    )
    told |= {"StandardErrorContent": f"no such thing: {VALUE}"}
    if ENDS[name].ran:
        nothing = '{"events": [], "logs": [], "changes": [], "result": null}'
        ssm.add_response("get_command_invocation", told)
        ssm.add_response("send_command", {"Command": {"CommandId": QUESTION}})
        assert advance(deployment.pk) is not None
        ssm.add_response("get_command_invocation", told)
        ssm.add_response("get_command_invocation", {"Status": "Success", "StandardOutputContent": nothing})
    else:
        ssm.add_response("get_command_invocation", told)
    with patch("ecdeployer.deployments.watching.deadlines.SILENCE", timedelta(0)):
        assert advance(deployment.pk) is None
    ended(deployment, name, caplog)
    assert "no such thing" in deployment.steps.get(name=StepName.CLONE).log


#: The words that Status may be; the others stand in StatusDetails alone.
STATUSES = {"Cancelled", "TimedOut", "Failed"}


def test_every_end_has_words_of_its_own() -> None:
    assert len({end.person for end in ENDS.values()}) == len(ENDS)


def test_a_result_of_the_machine_says_more_than_its_commands_end(
    ssm: Stubber, deployment: Deployment
) -> None:
    result = (
        '{"events": [], "logs": [], "changes": [], "result": '
        '{"state": "failed", "step": "install", "code": "install-failed", "reason": "No such package."}}'
    )
    for told in ({"Status": "Failed"}, {"Status": "Success", "StandardOutputContent": result}):
        ssm.add_response("get_command_invocation", told)
    with patch.object(cache, "get", lambda _: QUESTION):
        assert advance(deployment.pk) == timedelta(0)
    assert advance(deployment.pk) is None
    deployment.refresh_from_db()
    assert (deployment.failed_step, deployment.failure_code) == ("install", "install-failed")
