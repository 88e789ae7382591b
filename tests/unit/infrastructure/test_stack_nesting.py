"""How the templates go together, which a linter of single templates does not see."""

import re
from typing import Any

import pytest
import yaml

from tests.stack_templates import BOOTSTRAP, FOLDER, NAMES, ROOT, load, resources, walk

STACKS = {stack.id: stack for stack in resources("AWS::CloudFormation::Stack")}


def template_of(stack: str) -> str:
    match = re.fullmatch(
        r"\$\{TemplatesUrl\}/(\w+)\.yaml", STACKS[stack].properties["TemplateURL"]["Fn::Sub"]
    )
    assert match
    return match[1]


def test_root_nests_every_other_template_once() -> None:
    assert sorted(map(template_of, STACKS)) == sorted(set(NAMES) - {ROOT, BOOTSTRAP})


@pytest.mark.parametrize("stack", STACKS)
def test_a_nested_stack_is_given_exactly_the_parameters_of_its_template(stack: str) -> None:
    assert STACKS[stack].properties["Parameters"].keys() == load(template_of(stack))["Parameters"].keys()


def test_what_root_takes_from_a_nested_stack_is_an_output_of_its_template() -> None:
    taken = {
        (stack, output.removeprefix("Outputs."))
        for key, value in walk(load(ROOT))
        if key == "Fn::GetAtt"
        for stack, output in [value]
    }
    assert taken
    assert {
        (stack, name) for stack, name in taken if name not in load(template_of(stack))["Outputs"]
    } == set()


@pytest.mark.parametrize("stack", STACKS)
def test_every_nested_stack_carries_the_tag_that_goes_on_to_all_it_makes(stack: str) -> None:
    assert STACKS[stack].properties["Tags"] == [{"Key": "ecdeployer:portal", "Value": {"Ref": "Prefix"}}]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_carries_the_tag_of_what_the_portal_may_end(name: str) -> None:
    keys = [value for key, value in walk(load(name)["Resources"]) if key == "Key"]
    assert "ecdeployer:prefix" not in keys


@pytest.mark.parametrize("name", sorted(set(NAMES) - {ROOT, BOOTSTRAP}))
def test_no_part_is_taken_of_what_a_change_set_does_not_know_yet(name: str) -> None:
    """What comes from another stack is one word there, whatever its type, and a second part of it is missing.

    https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/759
    """
    for key, value in walk(load(name)):
        if key in ("Fn::Select", "Fn::Split"):
            assert "Ref" not in dict(walk(value)), value


def test_what_an_operator_gives_is_described_and_held_to_a_form() -> None:
    for name in (ROOT, BOOTSTRAP):
        for parameter, body in load(name)["Parameters"].items():
            assert body["Description"], parameter
            limits = {"AllowedPattern", "AllowedValues", "MinValue"} & body.keys()
            assert limits, parameter
            assert "AllowedValues" in limits or body["ConstraintDescription"], parameter


PARAMETERS: list[tuple[str, str, bool]] = [
    ("Prefix", "ecdeployer", True),
    ("Prefix", "Portal", False),
    ("Prefix", "a" * 31, False),
    ("Domain", "portal.example.com", True),
    ("Domain", "portal", False),
    ("Domain", "-portal.example.com", False),
    ("Domain", "https://portal.example.com", False),
    ("HostedZoneId", "Z0123456789ABCDEFGHIJ", True),
    ("HostedZoneId", "/hostedzone/Z0123456789ABCDEFGHIJ", False),
    ("Repository", "ada/ec-django-deployer", True),
    ("Repository", "https://github.com/ada/portal", False),
    ("Branch", "release/2", True),
    ("Branch", "main;id", False),
    ("Branch", "-f", False),
    ("ConnectionArn", f"arn:aws:codeconnections:eu-west-1:123456789012:connection/{'0' * 36}", True),
    ("ConnectionArn", f"arn:aws:iam::123456789012:role/{'0' * 36}", False),
    ("OperatorEmail", "ada@example.com", True),
    ("OperatorEmail", "ada", False),
    ("MachineType", "t3.small", True),
    ("MachineType", "db.t3.small", False),
    ("DatabaseClass", "db.t4g.micro", True),
    ("DatabaseClass", "t4g.micro", False),
    ("RedisNodeType", "cache.t4g.micro", True),
    ("RedisNodeType", "t4g.micro", False),
    ("TemplatesUrl", "https://bucket.s3.eu-west-1.amazonaws.com/templates/1", True),
    ("TemplatesUrl", "http://bucket.s3.eu-west-1.amazonaws.com/templates", False),
    ("TemplatesUrl", "https://bucket.s3.eu-west-1.amazonaws.com/templates/", False),
    ("Bucket", "ecdeployer-bootstrap-bucket-1a2b3c", True),
    ("Bucket", "Bucket", False),
    ("ImageId", "ami-0123456789abcdef0", True),
    ("ImageId", "ami-", False),
]


@pytest.mark.parametrize(("parameter", "value", "taken"), PARAMETERS)
def test_the_forms_take_what_is_right_and_nothing_else(parameter: str, value: str, taken: bool) -> None:
    assert bool(re.fullmatch(load(ROOT)["Parameters"][parameter]["AllowedPattern"], value)) is taken


@pytest.mark.parametrize("name", NAMES)
def test_a_template_uses_no_alias_which_cloudformation_does_not_read(name: str) -> None:
    events = yaml.parse((FOLDER / f"{name}.yaml").read_text(), Loader=yaml.SafeLoader)
    assert [event for event in events if isinstance(event, yaml.AliasEvent)] == []


@pytest.mark.parametrize("name", NAMES)
def test_each_exception_from_the_scan_stands_with_its_reason(name: str) -> None:
    exceptions: list[Any] = [
        skipped
        for resource in load(name)["Resources"].values()
        for skipped in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    ]
    assert all(len(skipped["comment"]) > 20 for skipped in exceptions)
