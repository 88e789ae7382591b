"""Two versions of the portal beside each other: each launches and commands by its own scripts."""

import gzip
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import create_autospec

import pytest
from botocore.stub import Stubber
from ecdeployer.aws import documents, ssm
from ecdeployer.aws.errors import AWSError
from ecdeployer.aws.session import AWS
from ecdeployer.cloud_init import documents as contents
from ecdeployer.cloud_init import scripts
from ecdeployer.deployments import machine
from ecdeployer.deployments.states import DeploymentState, StepName
from ecdeployer.instances import commands, infrastructure, run_documents
from ecdeployer.instances.connection import InfrastructureMissingError
from ecdeployer.instances.models import Instance
from ecdeployer.instances.run_documents import Kind

from tests.portal_records import make_deployment, make_live, make_person
from tests.unit.deployments.world import FACTS

from .conftest import BASE_AMI_PARAMETER

KINDS: list[Kind] = ["deploy", "status", "act", "figures"]
Other = Callable[[], Any]


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> Other:
    """Within it this process is a portal of another version, whose scripts have one line more."""
    read = scripts.read

    @contextmanager
    def portal() -> Iterator[None]:
        with monkeypatch.context() as patch:
            patch.setattr(scripts, "read", lambda name: read(name) + "# another version\n")
            scripts.archive.cache_clear()
            yield
        scripts.archive.cache_clear()

    return portal


def outcomes(aws: AWS) -> dict[str, str]:
    return {line.name: line.outcome for line in infrastructure.ensure(aws) if line.resource == "document"}


def content(aws: AWS, kind: Kind) -> Any:
    """As the machine is sent it."""
    found = run_documents.find(aws, kind)
    answer = aws.ssm.get_document(Name=found.name, DocumentVersion=found.version)
    return json.loads(answer["Content"])


@pytest.mark.parametrize("kind", KINDS)
def test_each_portal_sends_its_own_version_whoever_was_set_up_last(
    aws: AWS, other: Other, kind: Kind
) -> None:
    outcomes(aws)
    mine = run_documents.own_contents()[f"sites-{kind}"]
    with other():
        assert set(outcomes(aws).values()) == {"changed"}
        theirs = run_documents.own_contents()[f"sites-{kind}"]
        assert content(aws, kind) == theirs
    assert content(aws, kind) == mine != theirs


def test_going_back_takes_the_version_that_is_there(aws: AWS, other: Other) -> None:
    outcomes(aws)
    with other():
        outcomes(aws)
    assert set(outcomes(aws).values()) == {"changed"}
    assert set(outcomes(aws).values()) == {"found"}
    assert run_documents.find(aws, "deploy").version == "1"
    assert documents.find(aws, "sites-deploy") == documents.Document("sites-deploy", "1", is_default=True)


def test_a_version_is_looked_for_once_in_a_process(aws: AWS, calls: list[str]) -> None:
    outcomes(aws)
    calls.clear()
    for _ in range(3):
        run_documents.find(aws, "act")
    assert calls == ["DescribeDocument"]


def test_a_portal_that_is_not_set_up_yet_waits_for_its_operator(aws: AWS, other: Other) -> None:
    with pytest.raises(InfrastructureMissingError):
        run_documents.find(aws, "act")
    outcomes(aws)
    with other(), pytest.raises(InfrastructureMissingError) as caught:
        run_documents.find(aws, "act")
    assert "manage.py ensure_infrastructure" in caught.value.operator
    assert (caught.value.kind, caught.value.retryable) == ("paused", True)
    run_documents.find(aws, "act")


def test_what_aws_no_longer_knows_is_looked_for_again(aws: AWS, calls: list[str]) -> None:
    outcomes(aws)
    with run_documents.to_send(aws, "act"):
        pass
    calls.clear()
    error = AWSError(code="InvalidDocumentVersion", message="")
    with pytest.raises(AWSError), run_documents.to_send(aws, "act"):
        raise error
    with pytest.raises(AWSError), run_documents.to_send(aws, "act"):
        raise AWSError(code="ThrottlingException", message="")
    run_documents.find(aws, "act")
    assert calls == ["DescribeDocument"]


def test_versions_without_a_name_are_left_as_they_are(aws: AWS) -> None:
    """Those of portals that named none."""
    old = contents.deploy_document() | {"description": "Bring a deployment live."}
    aws.ssm.create_document(Name="sites-deploy", DocumentType="Command", Content=json.dumps(old))
    assert outcomes(aws)["sites-deploy"] == "changed"
    assert run_documents.find(aws, "deploy").version == "2"
    assert json.loads(aws.ssm.get_document(Name="sites-deploy", DocumentVersion="1")["Content"]) == old


def told(data: bytes) -> dict[str, Any]:
    """What user data says of the deployment."""
    [text] = re.findall(r'^ +(\{"version":1,"deployment".*)$', gzip.decompress(data).decode(), re.M)
    return dict(json.loads(text))


@pytest.mark.django_db
def test_a_launch_names_its_portals_version_and_one_without_any_is_not_begun(aws: AWS, other: Other) -> None:
    instance = make_live(make_person("ines")).instance
    deployment = make_deployment(instance, DeploymentState.RUNNING, at=StepName.LAUNCH, facts=FACTS.to_dict())
    outcomes(aws)
    mine = told(machine._render(deployment))
    with other():
        with pytest.raises(InfrastructureMissingError):
            machine._render(deployment)
        outcomes(aws)
        theirs = told(machine._render(deployment))
    again = told(machine._render(deployment))
    assert mine["document_version"] == again["document_version"] != theirs["document_version"]
    for each in (mine, theirs):
        answer = aws.ssm.get_document(Name="sites-deploy", VersionName=each["document_version"])
        assert contents.version_name(json.loads(answer["Content"])) == each["document_version"]


@pytest.mark.django_db
def test_a_question_goes_by_the_number_of_its_portals_version(
    aws: AWS, instance: Instance, other: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = create_autospec(ssm.send_command, return_value="c")
    monkeypatch.setattr(ssm, "send_command", send)
    outcomes(aws)
    with other():
        outcomes(aws)
        commands.status(instance, "theirs")
    commands.status(instance, "mine")
    assert [call.kwargs["document"].version for call in send.call_args_list] == ["2", "1"]


def test_where_aws_takes_no_more_versions_the_oldest_goes(aws: AWS, monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes(aws)
    base = aws.ssm.get_parameter(Name=BASE_AMI_PARAMETER)
    deploy = {"sites-deploy": contents.deploy_document()}
    monkeypatch.setattr(run_documents, "own_contents", lambda: deploy)
    numbers = [{"DocumentVersion": str(number), "IsDefaultVersion": number == 1} for number in range(1, 1001)]
    with Stubber(aws.ssm) as stub:
        stub.add_response("get_parameter", {"Parameter": base["Parameter"]})
        stub.add_client_error("describe_document", "InvalidDocumentVersion")
        stub.add_response("describe_document", {"Document": {"DocumentVersion": "1", "DefaultVersion": "1"}})
        stub.add_client_error("update_document", "DocumentVersionLimitExceeded")
        stub.add_response("list_document_versions", {"DocumentVersions": numbers})
        stub.add_response("delete_document", {}, {"Name": "sites-deploy", "DocumentVersion": "2"})
        stub.add_response("update_document", {"DocumentDescription": {"DocumentVersion": "1001"}})
        stub.add_response("update_document_default_version", {})
        assert outcomes(aws) == {"sites-deploy": "changed"}
        stub.assert_no_pending_responses()
