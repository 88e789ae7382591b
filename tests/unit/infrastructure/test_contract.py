"""What aws-up takes and what the templates take are the same, held to the same limits or narrower."""

import re
import shlex
from dataclasses import fields, replace
from typing import Any

import pytest
import yaml

from infrastructure import parameters, settings
from infrastructure.__main__ import _parser
from infrastructure.parameters import RULES, Parameters, _camel
from infrastructure.prices import DISK
from infrastructure.templates import Templates
from tests.stack_templates import FOLDER, find, load, resources

ROOT: dict[str, dict[str, Any]] = load("root")["Parameters"]
KEYS = {_camel(field.name): field.name for field in fields(Parameters) if field.name != "region"}
OURS = {"TemplatesUrl", "Bucket", "ImageId", "DatabasePasswordVersion", "RedisTokenVersion"}


def test_root_takes_what_the_file_has_and_what_aws_up_finds_out(given: Parameters) -> None:
    assert given.for_root().keys() | OURS == ROOT.keys()


@pytest.mark.parametrize("name", sorted(KEYS))
def test_the_example_suits_the_template(given: Parameters, name: str) -> None:
    body, value = ROOT[name], given.for_root()[name]
    assert re.fullmatch(body.get("AllowedPattern", ".*"), value)
    if body["Type"] == "Number":
        assert int(body.get("MinValue", 0)) <= int(value) <= int(body.get("MaxValue", 10**9))
    if "AllowedValues" in body:
        assert value in set(map(str, body["AllowedValues"]))
    if "Default" in body:
        assert str(body["Default"]) == value


@pytest.mark.parametrize("name", [name for name in sorted(KEYS) if ROOT[name]["Type"] == "Number"])
def test_a_number_that_the_template_refuses_is_refused_before(name: str) -> None:
    body, rule = ROOT[name], RULES[KEYS[name]]
    if "AllowedValues" in body:
        assert {value for value in range(4000) if rule.holds(value)} == set(body["AllowedValues"])
        return
    assert not rule.holds(int(body["MinValue"]) - 1)
    assert "MaxValue" not in body or not rule.holds(int(body["MaxValue"]) + 1)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("prefix", "a" * 20),
        ("prefix", "two-portals"),
        ("domain", "a.b-c.example"),
        ("repository", "o-wner/na.me_1"),
        ("branch", "release/1.2"),
        ("operator_email", "a+b@example.org"),
        ("machine_type", "m6i.large"),
        ("database_class", "db.r6g.xlarge"),
        ("redis_node_type", "cache.m6g.large"),
        (
            "connection_arn",
            f"arn:aws-us-gov:codestar-connections:us-gov-west-1:123456789012:connection/{'0' * 36}",
        ),
    ],
)
def test_text_that_is_accepted_here_is_accepted_there(given: Parameters, key: str, value: str) -> None:
    assert RULES[key].holds(value)
    changed = replace(given, **{key: value})  # type: ignore[arg-type]
    assert re.fullmatch(ROOT[_camel(key)]["AllowedPattern"], changed.for_root()[_camel(key)])


def test_what_the_estimate_counts_is_what_the_templates_make() -> None:
    counted = Templates()
    for kind in (
        "AWS::CloudWatch::Alarm",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "AWS::EC2::NatGateway",
    ):
        assert counted.count(kind) == len(list(resources(kind)))
    [template] = resources("AWS::EC2::LaunchTemplate")
    [disk] = template.properties["LaunchTemplateData"]["BlockDeviceMappings"]
    assert disk["Ebs"]["VolumeSize"] == DISK


def test_the_templates_say_what_the_settings_are_made_from() -> None:
    told = load("root")["Outputs"].keys()
    assert {"DatabaseHost", "DatabasePort", "RedisHost", "RedisPort", "StaticBucket", "Pipeline"} <= told
    assert "Bucket" in load("bootstrap")["Outputs"]
    [database] = resources("AWS::RDS::DBInstance")
    named = {database.properties[name] for name in ("DBName", "MasterUsername")}
    assert named == {settings.DATABASE}


def test_a_bucket_in_root_is_kept_when_its_stack_goes() -> None:
    """CloudFormation deletes none that holds an object; aws-down takes it afterwards."""
    found = [bucket for bucket in resources("AWS::S3::Bucket") if bucket.template != "bootstrap"]
    assert found
    assert {bucket.body["DeletionPolicy"] for bucket in found} <= {"Retain", "RetainExceptOnCreate"}


def test_the_pipeline_prepares_the_account_by_what_its_template_tells() -> None:
    specification = yaml.safe_load((FOLDER.parent / "buildspec-account.yml").read_text())
    [command] = specification["phases"]["build"]["commands"]
    program, *arguments = shlex.split(command)
    assert [program, *arguments[:2]] == [".venv/bin/python", "-m", "infrastructure"]
    options = vars(_parser().parse_args(arguments[2:]))
    assert options.pop("command") == "prepare"
    told = find("pipeline", "Account").properties["Environment"]["EnvironmentVariables"]
    # CodeBuild tells the region by itself.
    assert {value.lstrip("$") for value in options.values()} == {each["Name"] for each in told} | {
        "AWS_REGION"
    }


def test_every_required_key_is_one_and_has_no_default_in_the_template() -> None:
    assert set(parameters.REQUIRED) <= {field.name for field in fields(Parameters)}
    for key in set(parameters.REQUIRED) - {"region"}:
        assert "Default" not in ROOT[_camel(key)]
