"""aws-up in an account that moto plays: made, found unchanged, updated."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
from moto import mock_aws

from infrastructure import settings, stacks
from infrastructure.aws import AWS
from infrastructure.parameters import Parameters
from infrastructure.terminal import RefusalError
from infrastructure.up import Up
from tests.aws_stubs import Stub
from tests.unit.infrastructure import account
from tests.unit.infrastructure.conftest import Screen


@pytest.fixture(autouse=True)
def _moto() -> Iterator[None]:
    with mock_aws(), account.mended_moto():
        yield


@pytest.fixture(autouse=True)
def commands(monkeypatch: pytest.MonkeyPatch) -> mock.Mock:
    return account.replace_portal(monkeypatch)


@pytest.fixture
def parameters(given: Parameters, aws: AWS) -> Parameters:
    return replace(given, hosted_zone_id=account.make_zone(aws))


@pytest.fixture
def run(aws: AWS, parameters: Parameters, screen: Screen, stub: Stub, tmp_path: Path) -> Up:
    account.answer_connection(stub("codeconnections"), parameters.connection_arn)
    return Up(aws, parameters, screen.terminal, yes=True, templates=account.templates(tmp_path / "templates"))


def again(first: Up, stub: Stub, parameters: Parameters, *, deploys: bool) -> Screen:
    screen = Screen()
    account.answer_connection(stub("codeconnections"), parameters.connection_arn)
    if deploys:
        account.answer_pipeline(stub("codepipeline"))
    Up(first.aws, parameters, screen.terminal, yes=True, templates=first.templates).run()
    return screen


def value(aws: AWS, name: str) -> str:
    return aws.ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]


def test_a_secret_that_was_changed_reaches_stack_and_portal(
    run: Up, stub: Stub, parameters: Parameters
) -> None:
    run.run()
    path = "/ecdeployer/secrets/database-password"
    run.aws.ssm.put_parameter(Name=path, Value="another", Type="SecureString", Overwrite=True)
    again(run, stub, parameters, deploys=True)
    root = stacks.find(run.aws, "ecdeployer")
    assert root
    assert root.parameters["DatabasePasswordVersion"] == "2"
    assert root.parameters["RedisTokenVersion"] == "1"
    assert ":another@" in value(run.aws, "/ecdeployer/portal/DATABASE_URL")


def test_made(run: Up, screen: Screen, parameters: Parameters, commands: mock.Mock) -> None:
    run.run()
    root = stacks.find(run.aws, "ecdeployer")
    assert root
    assert root.status == "CREATE_COMPLETE"
    assert root.parameters["ImageId"] == account.IMAGE
    assert parameters.for_root().items() <= root.parameters.items()
    assert [call[0] for call in commands.method_calls] == ["ensure_infrastructure", "golden_image"]
    for line in (
        "CREATE_COMPLETE",
        "pipeline ecdeployer-portal has started",
        "PostgreSQL on db.t4g.micro",
        "https://portal.example.com/accounts/first/",
        "--name /ecdeployer/secrets/first-operator-code",
    ):
        assert line in screen.text


def test_the_portal_s_settings(run: Up) -> None:
    run.run()
    found = {name: value(run.aws, name) for name in settings.names(run.aws, "ecdeployer")}
    password, token = (found[f"/ecdeployer/secrets/{name}"] for name in ("database-password", "redis-token"))
    code = found["/ecdeployer/secrets/first-operator-code"]
    portal = {name.rpartition("/")[2]: found[name] for name in found if "/portal/" in name}
    assert len({password, token, code}) == 3
    assert min(map(len, (password, token, code))) == 64
    assert len(portal.pop("SECRET_KEY")) >= 50
    assert len(portal.pop("METRICS_TOKEN")) >= 20
    assert portal == {
        "DATABASE_URL": f"postgresql://ecdeployer:{password}@database.internal:5432/ecdeployer?sslmode=require",
        "REDIS_URL": f"rediss://:{token}@redis.internal:6379/0?ssl_cert_reqs=required",
        "PORTAL_URL": "https://portal.example.com",
        "TRUSTED_PROXIES": "2",
        "RESOURCE_PREFIX": "ecdeployer",
        "AWS_REGION": "eu-west-1",
        "CLOUDWATCH_NAMESPACE": "ecdeployer",
        "STATIC_BUCKET": "ecdeployer-static",
        "FIRST_OPERATOR_SHA256": hashlib.sha256(code.encode()).hexdigest(),
    }


def test_no_secret_is_shown_or_kept_in_clear(run: Up, screen: Screen) -> None:
    run.run()
    described = run.aws.ssm.describe_parameters(MaxResults=50)["Parameters"]
    secret = {each["Name"] for each in described if each["Type"] == "SecureString"}
    assert {name.rpartition("/")[2] for name in secret} == {
        "database-password",
        "redis-token",
        "first-operator-code",
        "SECRET_KEY",
        "METRICS_TOKEN",
        "DATABASE_URL",
        "REDIS_URL",
    }
    assert not [name for name in secret if value(run.aws, name) in screen.text]


def test_a_second_run_finds_nothing_to_change(run: Up, stub: Stub, parameters: Parameters) -> None:
    run.run()
    before = {name: value(run.aws, name) for name in settings.names(run.aws, "ecdeployer")}
    second = again(run, stub, parameters, deploys=False)
    assert "Nothing to do: everything is as the file says." in second.text
    assert {name: value(run.aws, name) for name in settings.names(run.aws, "ecdeployer")} == before


def test_another_value_updates_the_stack_and_deploys(run: Up, stub: Stub, parameters: Parameters) -> None:
    run.run()
    second = again(run, stub, replace(parameters, machines=3), deploys=True)
    root = stacks.find(run.aws, "ecdeployer")
    assert root
    assert root.status == "UPDATE_COMPLETE"
    assert root.parameters["Machines"] == "3"
    assert "Nothing to do" not in second.text


def test_templates_are_kept_under_what_they_hold(run: Up, tmp_path: Path, stub: Stub) -> None:
    run.run()
    bucket, key = "ecdeployer-artifacts", run.templates.key
    changed = tmp_path / "changed"
    account.templates(changed)
    (changed / "data.yaml").write_text(account.DATA + "# more\n")
    run.templates = type(run.templates)(changed)
    second = again(run, stub, run.parameters, deploys=True)
    listed = run.aws.s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert run.templates.key != key
    assert {each["Key"] for each in listed} == {
        f"{folder}/{name}.yaml"
        for folder in (key, run.templates.key)
        for name in ("bootstrap", "data", "root")
    }
    assert "3 templates put into ecdeployer-artifacts" in second.text


def test_a_secret_that_is_gone_is_not_made_anew_while_the_stacks_use_it(run: Up, stub: Stub) -> None:
    run.run()
    run.aws.ssm.delete_parameter(Name="/ecdeployer/secrets/redis-token")
    with pytest.raises(RefusalError, match="no /ecdeployer/secrets/redis-token any more"):
        again(run, stub, run.parameters, deploys=False)


def test_machines_are_made_by_what_the_operator_has_set(run: Up, commands: mock.Mock, stub: Stub) -> None:
    run.run()
    assert "CLOUDWATCH_AGENT" not in commands.settings
    run.aws.ssm.put_parameter(Name="/ecdeployer/portal/CLOUDWATCH_AGENT", Value="true", Type="String")
    again(run, stub, run.parameters, deploys=True)
    assert commands.settings["CLOUDWATCH_AGENT"] == "true"
    assert commands.settings["PORTAL_URL"] == "https://portal.example.com"


def test_a_changed_address_of_the_database_is_set_and_deployed(run: Up, stub: Stub) -> None:
    run.run()
    run.aws.ssm.put_parameter(
        Name="/ecdeployer/portal/PORTAL_URL", Value="https://old.example.com", Type="String", Overwrite=True
    )
    second = again(run, stub, run.parameters, deploys=True)
    assert "/ecdeployer/portal/PORTAL_URL set" in second.text
    assert value(run.aws, "/ecdeployer/portal/PORTAL_URL") == "https://portal.example.com"


@pytest.mark.parametrize(("region", "said"), [("eu-west-1", False), ("eu-north-1", True)])
def test_a_region_without_prices_is_said_under_the_table(
    aws: AWS, given: Parameters, screen: Screen, region: str, said: bool
) -> None:
    Up(aws, replace(given, region=region), screen.terminal)._show_cost()
    assert ("There are no prices for eu-north-1 here" in screen.text.rpartition("List prices of")[2]) is said


def test_what_was_changed_and_not_deployed_is_deployed_by_the_next_run(run: Up, stub: Stub) -> None:
    run.run()
    more = replace(run.parameters, machines=3)
    account.refuse_pipeline(stub("codepipeline"))
    command = "aws codepipeline start-pipeline-execution --name ecdeployer-portal --region eu-west-1"
    with pytest.raises(RefusalError, match=rf"did not start\. .*Rate exceeded\n(.*\n)+ *{command}"):
        again(run, stub, more, deploys=False)
    second = again(run, stub, more, deploys=True)
    assert "ecdeployer: nothing to change" in second.text
    assert "pipeline ecdeployer-portal started" in second.text
    assert "Nothing to do" not in second.text
    assert "Nothing to do" in again(run, stub, more, deploys=False).text


def test_a_run_that_was_interrupted_before_it_deployed(
    run: Up, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.run()
    path = "/ecdeployer/portal/PORTAL_URL"
    run.aws.ssm.put_parameter(Name=path, Value="https://old.example.com", Type="String", Overwrite=True)
    with monkeypatch.context() as patch:
        patch.setattr(Up, "_deploy", mock.Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            again(run, stub, run.parameters, deploys=False)
    assert value(run.aws, path) == "https://portal.example.com"
    assert "pipeline ecdeployer-portal started" in again(run, stub, run.parameters, deploys=True).text


def test_a_first_run_that_ended_before_the_settings(
    run: Up, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pipeline that started by itself may have met machines without settings."""
    with monkeypatch.context() as patch:
        patch.setattr(Up, "_configure", mock.Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run.run()
    again(run, stub, run.parameters, deploys=True)
    assert "Nothing to do" in again(run, stub, run.parameters, deploys=False).text


def test_what_is_noted_of_a_deployment_is_a_digest(run: Up) -> None:
    run.run()
    assert re.fullmatch("[0-9a-f]{64}", value(run.aws, "/ecdeployer/deployed"))


@pytest.mark.parametrize("typed", ["n\n", "\n", ""])
def test_who_says_no_to_the_preparation_changes_nothing(
    aws: AWS, parameters: Parameters, stub: Stub, tmp_path: Path, typed: str
) -> None:
    account.answer_connection(stub("codeconnections"), parameters.connection_arn)
    screen = Screen(typed=typed)
    run = Up(aws, parameters, screen.terminal, templates=account.templates(tmp_path))
    with pytest.raises(RefusalError, match="Nothing was changed"):
        run.run()
    assert aws.cloudformation.describe_stacks()["Stacks"] == []
    assert settings.names(aws, "ecdeployer") == []


def test_who_says_no_to_the_change_set_leaves_no_stack(
    aws: AWS, parameters: Parameters, stub: Stub, tmp_path: Path
) -> None:
    account.answer_connection(stub("codeconnections"), parameters.connection_arn)
    screen = Screen(typed="y\nno\n")
    with pytest.raises(RefusalError, match=r"^ecdeployer stays as it was\. .*stays for the next run\.$"):
        Up(aws, parameters, screen.terminal, templates=account.templates(tmp_path)).run()
    names = [stack["StackName"] for stack in aws.cloudformation.describe_stacks()["Stacks"]]
    assert names == ["ecdeployer-bootstrap"]
    assert len(settings.names(aws, "ecdeployer")) == len(settings.SECRETS)
    assert "Topic" in screen.text
    assert "AWS::SNS::Topic" in screen.text


def test_who_says_no_to_an_update_is_told_what_came_before(run: Up, stub: Stub, commands: mock.Mock) -> None:
    run.run()
    commands.reset_mock()
    account.answer_connection(stub("codeconnections"), run.parameters.connection_arn)
    more = replace(run.parameters, machines=3)
    with pytest.raises(RefusalError, match=r"^ecdeployer stays as it was\. .*image, stays for the next run"):
        Up(run.aws, more, Screen(typed="no\n").terminal, templates=run.templates).run()
    assert [call[0] for call in commands.method_calls] == ["ensure_infrastructure", "golden_image"]
    root = stacks.find(run.aws, "ecdeployer")
    assert root
    assert root.parameters["Machines"] == "2"


def test_without_a_terminal_it_wants_to_be_told(
    aws: AWS, parameters: Parameters, stub: Stub, tmp_path: Path, screen: Screen
) -> None:
    account.answer_connection(stub("codeconnections"), parameters.connection_arn)
    with pytest.raises(RefusalError, match=r"not a terminal\. Give --yes"):
        Up(aws, parameters, screen.terminal, templates=account.templates(tmp_path)).run()
    assert aws.cloudformation.describe_stacks()["Stacks"] == []
