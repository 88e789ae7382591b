"""What moto's CloudFormation does not do, held to what the account's templates ask for."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.cloudformation import models, parsing

from localcloud import stacks
from tests.stack_templates import resources

TYPES = {resource.type for resource in resources()}
MODELLED = {kind: model for kind, model in parsing.get_model_map().items() if kind in TYPES}


def lacking(what: str) -> set[str]:
    """The types whose model has no such function of its own."""
    name = f"{what}_from_cloudformation_json"
    return {kind for kind, model in MODELLED.items() if hasattr(getattr(model, name), "__isabstractmethod__")}


def test_what_moto_does_not_model_is_listed_and_nothing_else() -> None:
    assert TYPES - MODELLED.keys() == stacks.RECORDS | stacks.OWN.keys()


def test_what_moto_does_not_change_is_listed_and_nothing_else() -> None:
    assert lacking("update") == stacks.UNCHANGED


def test_what_moto_does_not_end_is_listed_and_nothing_else() -> None:
    """Some end by a function of their own."""
    assert {kind for kind in lacking("delete") if not hasattr(MODELLED[kind], "delete")} == stacks.LEFT


@pytest.fixture
def cloudformation(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Of moto with what the local cloud adds, which is taken away again."""
    for name in ("resource_class_from_type", "parse_and_update_resource"):
        monkeypatch.setattr(parsing, name, getattr(parsing, name))
    for name in ("parse_template", "update_from_cloudformation_json"):
        monkeypatch.setattr(models.Stack, name, models.Stack.__dict__[name])
    stacks.install()
    with mock_aws():
        yield boto3.client("cloudformation", region_name="eu-west-1")


def test_a_type_that_nobody_knows_is_refused(cloudformation: Any) -> None:
    body = '{"Resources": {"A": {"Type": "AWS::Sites::Site", "Properties": {}}}}'
    with pytest.raises(ClientError, match="Unrecognized resource types"):
        cloudformation.create_stack(StackName="a", TemplateBody=body)


def test_a_record_has_its_name_and_any_attribute(cloudformation: Any) -> None:
    pipeline = {"Type": "AWS::CodePipeline::Pipeline", "Properties": {"Name": "sites"}}
    outputs = {"Name": {"Value": {"Ref": "A"}}, "Version": {"Value": {"Fn::GetAtt": ["A", "Version"]}}}
    body = json.dumps({"Resources": {"A": pipeline}, "Outputs": outputs})
    cloudformation.create_stack(StackName="a", TemplateBody=body)
    [stack] = cloudformation.describe_stacks(StackName="a")["Stacks"]
    found = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    assert found == {"Name": "sites", "Version": "sites.Version"}
