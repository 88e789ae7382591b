"""What a machine of the portal is told, how it is watched, and how it is replaced."""

import base64
import io
import json
import re
import runpy
import sys
import types
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import yaml
from botocore.exceptions import ClientError
from django.utils import timezone
from ecdeployer.operating import ages

from tests.stack_templates import Resource, find, resources

ALARMS = {alarm.id: alarm for alarm in resources("AWS::CloudWatch::Alarm")}
STAND_INS = {
    "AWS::Region": "eu-west-1",
    "AWS::StackId": "arn:aws:cloudformation:eu-west-1:1:stack/sites-Portal-1/2",
    "Prefix": "sites",
}


def user_data() -> dict[str, Any]:
    """The cloud-config, filled in as CloudFormation does."""
    data = find("portal", "LaunchTemplate").properties["LaunchTemplateData"]["UserData"]
    text = re.sub(r"\$\{([\w:]+)\}", lambda match: STAND_INS[match[1]], data["Fn::Base64"]["Fn::Sub"])
    assert text.startswith("#cloud-config\n")
    assert len(base64.b64decode(base64.b64encode(text.encode()))) < 16384
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def files() -> dict[str, str]:
    return {each["path"]: each["content"] for each in user_data()["write_files"]}


def test_a_machine_is_told_where_its_settings_are_and_no_secret() -> None:
    assert json.loads(files()["/etc/ecdeployer/portal.json"]) == {
        "region": "eu-west-1",
        "aws_endpoint_url": None,
        "settings_parameter_path": "/sites/portal",
    }
    assert files().keys() == {
        "/etc/ecdeployer/portal.json",
        "/etc/ecdeployer/cloudwatch_logs.json",
        "/opt/ecdeployer/signal_ready.py",
    }


def test_every_log_of_a_machine_goes_to_the_group_that_ends() -> None:
    told = json.loads(files()["/etc/ecdeployer/cloudwatch_logs.json"])
    collected = told["logs"]["logs_collected"]["files"]["collect_list"]
    group = find("portal", "Logs").properties["LogGroupName"]["Fn::Sub"].replace("${Prefix}", "sites")
    assert {each["log_group_name"] for each in collected} == {group}
    assert {each["file_path"] for each in collected} == {
        "/var/log/ecdeployer/*.log",
        "/var/log/nginx/*.log",
        "/var/log/aws/codedeploy-agent/*.log",
    }
    # Without it the agent sends the newest file of a pattern alone.
    assert all(each["publish_multi_logs"] is True for each in collected)


Signal = Callable[[list[Any], Mock], None]


@pytest.fixture
def signal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Signal:
    """Runs the script against a portal that answers so, one after the other."""
    script = tmp_path / "signal_ready.py"
    script.write_text(files()["/opt/ecdeployer/signal_ready.py"])
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setattr(sys, "argv", ["signal_ready.py", "i-1"])

    def run(answers: list[Any], client: Mock) -> None:
        opened = Mock(side_effect=answers)
        monkeypatch.setattr(urllib.request, "urlopen", opened)
        monkeypatch.setitem(sys.modules, "boto3", types.SimpleNamespace(client=client))
        runpy.run_path(str(script))
        opened.assert_called_with("http://127.0.0.1/readyz", timeout=5)

    return run


def ready() -> Any:
    answer = io.BytesIO()
    answer.status = 200  # type: ignore[attr-defined]
    return answer


def test_a_new_machine_tells_its_stack_once_its_portal_is_ready(signal: Signal) -> None:
    client = Mock()
    away = urllib.error.URLError("refused")
    signal([away, ConnectionResetError(), ready()], client)
    client.assert_called_once_with("cloudformation", region_name="eu-west-1")
    client().signal_resource.assert_called_once_with(
        StackName=STAND_INS["AWS::StackId"], LogicalResourceId="Group", UniqueId="i-1", Status="SUCCESS"
    )
    assert find("portal", "Group").type == "AWS::AutoScaling::AutoScalingGroup"


def test_where_no_stack_waits_that_is_no_error(signal: Signal) -> None:
    refusal = ClientError({"Error": {"Code": "ValidationError", "Message": "not waiting"}}, "SignalResource")
    client = Mock()
    client().signal_resource.side_effect = refusal
    signal([ready()], client)


def test_a_portal_that_is_never_ready_is_never_told_of(
    monkeypatch: pytest.MonkeyPatch, signal: Signal
) -> None:
    times = iter(range(0, 100_000, 1000))
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    client = Mock()
    with pytest.raises(SystemExit, match="not ready"):
        signal([urllib.error.URLError("refused")] * 10, client)
    client.assert_not_called()


def test_a_machine_is_replaced_only_when_another_serves() -> None:
    group = find("portal", "Group")
    policy = group.properties["InstanceMaintenancePolicy"]
    assert policy["MinHealthyPercentage"] == 100 < policy["MaxHealthyPercentage"]
    rolling = group.body["UpdatePolicy"]["AutoScalingRollingUpdate"]
    assert rolling["MinInstancesInService"] == group.properties["MinSize"] == {"Ref": "Machines"}
    assert rolling["WaitOnResourceSignals"] is True
    assert (group.properties["HealthCheckType"], find("portal", "Targets").properties["HealthCheckPath"]) == (
        "ELB",
        "/readyz",
    )


def rolls_back() -> set[str]:
    """The alarms that root hands to the pipeline."""
    given = find("root", "Pipeline").properties["Parameters"]
    told = find("pipeline", "DeploymentGroup").properties["AlarmConfiguration"]["Alarms"]
    return {given[each["Name"]["Ref"]]["Fn::GetAtt"][1].removeprefix("Outputs.") for each in told}


def test_an_alarm_that_stops_deployments_is_quiet_while_there_is_no_portal() -> None:
    """CodeDeploy begins none while one of its alarms is on: not the first, and not one that mends."""
    missing = {name: alarm.properties["TreatMissingData"] for name, alarm in ALARMS.items()}
    assert rolls_back() == {"FailingPages", "SlowPages"}
    assert {missing[name] for name in rolls_back()} == {"notBreaching"}
    # The balancer has errors of its own only when somebody asks.
    assert {missing[name] for name in ALARMS.keys() - rolls_back() - {"NoMachine"}} == {"breaching"}


@pytest.mark.parametrize("alarm", ALARMS.values(), ids=lambda alarm: alarm.id)
def test_every_alarm_tells_the_operator_that_it_begins_and_that_it_ends(alarm: Resource) -> None:
    assert alarm.properties["AlarmActions"] == alarm.properties["OKActions"] == [{"Ref": "Topic"}]


@pytest.mark.django_db
def test_the_portals_own_alarms_are_of_the_figures_that_it_publishes() -> None:
    own = {
        alarm.properties["MetricName"]: alarm.properties["Dimensions"]
        for alarm in ALARMS.values()
        if alarm.properties.get("Namespace") == {"Ref": "Prefix"}
    }
    assert own.keys() == {age.name for age in ages.read(timezone.now())}
    assert list(own.values()) == [[{"Name": ages.DIMENSION, "Value": {"Ref": "Prefix"}}]] * len(own)


def test_the_pipelines_names_are_those_that_its_roles_speak_of() -> None:
    names = {
        each.properties["Name"]["Fn::Sub"]
        for each in resources("AWS::CodeBuild::Project", "AWS::CodePipeline::Pipeline")
    }
    assert names == {"${Prefix}-build", "${Prefix}-account", "${Prefix}-portal"}
    specs = {each.properties["Source"]["BuildSpec"] for each in resources("AWS::CodeBuild::Project")}
    assert specs == {"buildspec.yml", "infrastructure/buildspec-account.yml"}
    roles = (Path(__file__).parents[3] / "infrastructure/templates/roles.yaml").read_text()
    for artifact in ("Source", "Bundle"):
        assert f"/*/{artifact}/*" in roles
    stages = find("pipeline", "Pipeline").properties["Stages"]
    assert [stage["Name"] for stage in stages] == ["Source", "Build", "Account", "Deploy"]
    made = {
        each["Name"]
        for stage in stages
        for action in stage["Actions"]
        for each in action.get("OutputArtifacts", [])
    }
    assert made == {"Source", "Bundle"}
