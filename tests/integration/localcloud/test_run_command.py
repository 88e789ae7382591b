"""Run Command runs documents in machines, with their parameters, and tells how it went."""

import json
import secrets
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.localcloud.conftest import until

if TYPE_CHECKING:
    from tests.integration.localcloud.conftest import RunningCloud

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

DOCUMENT: dict[str, Any] = {
    "schemaVersion": "2.2",
    "parameters": {
        "text": {"type": "String", "interpolationType": "ENV_VAR", "allowedPattern": "^[^X]*$"},
        "code": {"type": "String", "default": "0", "allowedPattern": "^[0-9]+$"},
    },
    "mainSteps": [
        {
            "action": "aws:runShellScript",
            "name": "say",
            "inputs": {
                "timeoutSeconds": "2",
                "runCommand": ["#!/bin/bash", 'printf %s "$SSM_text"', "echo problem >&2", "exit {{ code }}"],
            },
        }
    ],
}


@pytest.fixture(scope="module")
def document(cloud: "RunningCloud") -> Iterator[str]:
    name = f"of-tests-{secrets.token_hex(4)}"
    ssm = cloud.client("ssm")
    ssm.create_document(
        Name=name, Content=json.dumps(DOCUMENT), DocumentType="Command", DocumentFormat="JSON"
    )
    yield name
    ssm.delete_document(Name=name)


def send(cloud: "RunningCloud", machine: str, document: str, **more: Any) -> str:
    command = cloud.client("ssm").send_command(InstanceIds=[machine], DocumentName=document, **more)[
        "Command"
    ]
    assert command["Status"] == "Pending"
    return str(command["CommandId"])


def shell(cloud: "RunningCloud", machine: str, *lines: str, **parameters: list[str]) -> str:
    return send(cloud, machine, "AWS-RunShellScript", Parameters={"commands": list(lines), **parameters})


@pytest.mark.parametrize("code", [0, 7])
def test_output_errors_and_exit_code_come_back(
    cloud: "RunningCloud", machine: str, document: str, code: int
) -> None:
    hostile = 'it\'s $(touch /canary) `id` "quoted" ; rm -rf / \\ \n é'
    given = {"text": [hostile], "code": [str(code)]}
    command_id = send(cloud, machine, document, Parameters=given, Comment="deployment 1")

    found = cloud.finish(command_id, machine)

    assert found["Status"] == ("Failed" if code else "Success")
    assert found["ResponseCode"] == code
    assert found["StandardOutputContent"] == hostile
    assert found["StandardErrorContent"] == "problem\n"
    assert found["Comment"] == "deployment 1"
    assert cloud.run(machine, "ls /canary 2>/dev/null || echo none") == "none"


def test_a_command_is_found_by_its_comment_and_id(cloud: "RunningCloud", machine: str, document: str) -> None:
    ssm = cloud.client("ssm")
    sent = [send(cloud, machine, document, Parameters={"text": ["a"]}, Comment=f"n {n}") for n in range(3)]
    for command_id in sent:
        cloud.finish(command_id, machine)

    pages = list(ssm.get_paginator("list_commands").paginate(PaginationConfig={"PageSize": 2}))
    listed = [command for page in pages for command in page["Commands"]]
    assert [command["CommandId"] for command in listed[:3]] == sent[::-1]
    assert [command["Comment"] for command in listed[:3]] == ["n 2", "n 1", "n 0"]
    [command] = ssm.list_commands(CommandId=sent[0])["Commands"]
    assert (command["Status"], command["CompletedCount"], command["ErrorCount"]) == ("Success", 1, 0)
    [invocation] = ssm.list_command_invocations(CommandId=sent[0], Details=True)["CommandInvocations"]
    assert invocation["CommandPlugins"][0]["Output"].startswith("a")


def test_output_is_cut_and_its_writer_never_held_up(cloud: "RunningCloud", machine: str) -> None:
    command_id = shell(cloud, machine, "head -c 3000000 /dev/zero | tr '\\0' x", "exit 3")
    found = cloud.finish(command_id, machine)
    assert found["StandardOutputContent"] == "x" * 24_000
    assert found["ResponseCode"] == 3


def test_a_script_that_takes_too_long_is_ended(cloud: "RunningCloud", machine: str) -> None:
    began = time.monotonic()
    command_id = shell(cloud, machine, "echo begun; sleep 97", executionTimeout=["1"])
    found = cloud.finish(command_id, machine)
    assert (found["Status"], found["StatusDetails"]) == ("TimedOut", "ExecutionTimedOut")
    assert found["StandardOutputContent"] == "begun\n"
    assert time.monotonic() - began < 10
    assert cloud.run(machine, "pgrep -fx 'sleep 97' || echo none") == "none"


def test_a_command_can_be_cancelled(cloud: "RunningCloud", machine: str) -> None:
    command_id = shell(cloud, machine, "sleep 98 & sleep 98")
    ssm = cloud.client("ssm")
    until(lambda: ssm.list_commands(CommandId=command_id)["Commands"][0]["Status"] == "InProgress")
    ssm.cancel_command(CommandId=command_id)
    assert cloud.finish(command_id, machine)["Status"] == "Cancelled"
    assert cloud.run(machine, "pgrep -fx 'sleep 98' || echo none") == "none"


def test_what_a_script_leaves_running_holds_nothing_up(cloud: "RunningCloud", machine: str) -> None:
    command_id = shell(cloud, machine, "sleep 99 &", "echo done")
    assert cloud.finish(command_id, machine)["StandardOutputContent"] == "done\n"
    assert cloud.run(machine, "pkill -fxc 'sleep 99'") == "1"


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("InvalidDocument", {"DocumentName": "of-tests-none"}),
    ("InvalidParameters", {"Parameters": {}}),
    ("InvalidParameters", {"Parameters": {"text": ["aXb"]}}),
    ("InvalidParameters", {"Parameters": {"text": ["a"], "code": ["1;id"]}}),
    ("InvalidParameters", {"Parameters": {"text": ["a"], "code": ["1\n"]}}),
    ("InvalidParameters", {"Parameters": {"text": ["a"], "more": ["1"]}}),
    ("InvalidInstanceId", {"InstanceIds": ["i-0123456789abcdef0"]}),
    ("DuplicateInstanceId", {"InstanceIds": ["i-0123456789abcdef0", "i-0123456789abcdef0"]}),
    ("ValidationException", {"InstanceIds": ["nonsense"]}),
    ("ValidationException", {"Comment": "c" * 101}),
]


@pytest.mark.parametrize(("code", "request_"), REFUSED)
def test_refused_as_systems_manager_refuses(
    cloud: "RunningCloud", machine: str, document: str, code: str, request_: dict[str, Any]
) -> None:
    base = {"InstanceIds": [machine], "DocumentName": document, "Parameters": {"text": ["a"]}}
    with pytest.raises(ClientError) as caught:
        cloud.client("ssm").send_command(**{**base, **request_})
    assert caught.value.response["Error"]["Code"] == code


def test_a_command_runs_the_version_that_it_names(cloud: "RunningCloud", machine: str, document: str) -> None:
    ssm = cloud.client("ssm")
    other = json.loads(json.dumps(DOCUMENT).replace("problem", "another version"))
    ssm.update_document(
        Name=document, Content=json.dumps(other), DocumentVersion="$LATEST", VersionName="other"
    )
    number = ssm.describe_document(Name=document, VersionName="other")["Document"]["DocumentVersion"]
    heard = {}
    for version in ("1", number):
        command = send(cloud, machine, document, DocumentVersion=version, Parameters={"text": ["a"]})
        heard[version] = cloud.finish(command, machine)["StandardErrorContent"]
    assert heard == {"1": "problem\n", number: "another version\n"}
    with pytest.raises(ssm.exceptions.InvalidDocumentVersion):
        send(cloud, machine, document, DocumentVersion="7", Parameters={"text": ["a"]})


def test_a_document_has_a_thousand_versions_and_then_the_oldest_has_to_go(cloud: "RunningCloud") -> None:
    name, ssm = f"of-tests-{secrets.token_hex(4)}", cloud.client("ssm")
    ssm.create_document(Name=name, Content=json.dumps(DOCUMENT), DocumentType="Command")

    def add(number: int) -> None:
        content = json.dumps(DOCUMENT | {"description": str(number)})
        ssm.update_document(Name=name, Content=content, DocumentVersion="$LATEST")

    for number in range(2, 1001):
        add(number)
    with pytest.raises(ssm.exceptions.DocumentVersionLimitExceeded):
        add(1001)
    ssm.update_document_default_version(Name=name, DocumentVersion="1")
    ssm.delete_document(Name=name, DocumentVersion="2")
    add(1001)
    pages = ssm.get_paginator("list_document_versions").paginate(Name=name)
    listed = [each for page in pages for each in page["DocumentVersions"]]
    numbers = [int(each["DocumentVersion"]) for each in listed]
    assert numbers == [*range(1001, 2, -1), 1]
    assert [each["DocumentVersion"] for each in listed if each["IsDefaultVersion"]] == ["1"]
    ssm.delete_document(Name=name)


def test_a_machine_that_does_not_run_takes_no_command(cloud: "RunningCloud", document: str) -> None:
    ssm = cloud.client("ssm")

    def refused() -> str:
        with pytest.raises(ClientError) as caught:
            ssm.send_command(InstanceIds=[instance_id], DocumentName=document, Parameters={"text": ["a"]})
        return str(caught.value.response["Error"]["Code"])

    instance_id = cloud.launch()
    assert refused() == "InvalidInstanceId"
    cloud.online(instance_id)
    cloud.client("ec2").stop_instances(InstanceIds=[instance_id])
    assert refused() == "InvalidInstanceId"
    cloud.reach(instance_id, "stopped")
    [information] = ssm.describe_instance_information(
        Filters=[{"Key": "InstanceIds", "Values": [instance_id]}]
    )["InstanceInformationList"]
    assert information["PingStatus"] == "ConnectionLost"
    cloud.terminate(instance_id)
    assert refused() == "InvalidInstanceId"


def test_unknown_commands_are_refused(cloud: "RunningCloud", machine: str) -> None:
    ssm = cloud.client("ssm")
    nobody = "00000000-0000-0000-0000-000000000000"
    for call in (ssm.list_commands, ssm.cancel_command):
        with pytest.raises(ClientError, match="InvalidCommandId"):
            call(CommandId=nobody)
    command_id = shell(cloud, machine, "true")
    with pytest.raises(ClientError, match="InvocationDoesNotExist"):
        ssm.get_command_invocation(CommandId=command_id, InstanceId="i-0123456789abcdef0")
    cloud.finish(command_id, machine)
