"""CloudFormation: moto's stacks, and what they lack to hold those of infrastructure/templates."""

from collections.abc import Callable
from functools import partialmethod
from typing import Any

from moto.acm.models import acm_backends
from moto.cloudformation import parsing
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import ChangeSet, Stack
from moto.cloudformation.utils import get_stack_from_s3_url
from moto.core.common_models import CloudFormationModel
from moto.elbv2.models import FakeLoadBalancer, FakeTargetGroup
from moto.rds.models import DBParameterGroup
from moto.ssm.models import Parameter
from moto.utilities.utils import get_partition

#: What moto's CloudFormation makes nothing of. A stack keeps these as records: they have a name and the
#: attributes that others ask for, and there is nothing behind them. Other types, if not moto's, are refused.
RECORDS = frozenset(
    {
        "AWS::Budgets::Budget",
        "AWS::CloudWatch::Alarm",
        "AWS::CodeBuild::Project",
        "AWS::CodeDeploy::Application",
        "AWS::CodeDeploy::DeploymentGroup",
        "AWS::CodePipeline::Pipeline",
        "AWS::ElastiCache::ReplicationGroup",
        "AWS::ElastiCache::SubnetGroup",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::TopicPolicy",
    }
)

#: What moto's CloudFormation makes, and cannot change: it stays as it was made.
UNCHANGED = frozenset(
    {
        "AWS::EC2::InternetGateway",
        "AWS::EC2::Route",
        "AWS::EC2::RouteTable",
        "AWS::EC2::SecurityGroupIngress",
        "AWS::EC2::Subnet",
        "AWS::EC2::SubnetRouteTableAssociation",
        "AWS::EC2::VPC",
        "AWS::EC2::VPCGatewayAttachment",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        "AWS::IAM::InstanceProfile",
        "AWS::IAM::ManagedPolicy",
        "AWS::Logs::LogGroup",
        "AWS::RDS::DBInstance",
        "AWS::RDS::DBParameterGroup",
        "AWS::RDS::DBSubnetGroup",
    }
)
#: What moto's CloudFormation makes, and does not end; the network stays with its route tables.
LEFT = frozenset(
    {
        "AWS::EC2::InternetGateway",
        "AWS::EC2::Route",
        "AWS::EC2::RouteTable",
        "AWS::EC2::SecurityGroupIngress",
        "AWS::EC2::SubnetRouteTableAssociation",
        "AWS::EC2::VPCGatewayAttachment",
        "AWS::ElasticLoadBalancingV2::Listener",
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        "AWS::IAM::ManagedPolicy",
    }
)
#: Where the name stands that a template's Ref gives.
_NAMES = ("Name", "AlarmName", "DeploymentGroupName", "ApplicationName")


class Record(CloudFormationModel):
    """A resource of which nothing is known but that a stack has it."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def physical_resource_id(self) -> str:
        return self.name

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @staticmethod
    def cloudformation_type() -> str:
        return "localcloud::Record"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return True

    def is_created(self) -> bool:
        return True

    def get_cfn_attribute(self, attribute_name: str) -> str:
        return f"{self.name}.{attribute_name}"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], *_: Any, **__: Any
    ) -> "Record":
        properties = cloudformation_json["Properties"]
        return cls(next((properties[name] for name in _NAMES if name in properties), resource_name))

    @classmethod
    def update_from_cloudformation_json(cls, original_resource: "Record", *_: Any, **__: Any) -> "Record":
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(cls, *_: Any, **__: Any) -> None:
        """There is nothing behind it."""


class UnknownTypeError(ValidationError):
    def __init__(self, resource_type: str) -> None:
        super().__init__(message=f"Template format error: Unrecognized resource types: [{resource_type}]")


class Certificate(Record):
    """A balancer asks for one that is there; it is issued at once."""

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
        **_: Any,
    ) -> "Certificate":
        domain = cloudformation_json["Properties"]["DomainName"]
        made = acm_backends[account_id][region_name].request_certificate(domain, resource_name, [], [])
        return cls(made)


#: What templates ask of moto's resources, and moto does not answer.
_ATTRIBUTES: dict[Any, dict[str, Callable[[Any], str]]] = {
    Parameter: {"Value": lambda parameter: parameter.value},
    FakeTargetGroup: {
        "TargetGroupName": lambda targets: targets.name,
        "TargetGroupFullName": lambda targets: targets.arn.rpartition(":")[2],
    },
    FakeLoadBalancer: {
        "CanonicalHostedZoneID": lambda _: "Z32O12XQLNTSW2",
        "DNSName": lambda balancer: balancer.dns_name,
        "LoadBalancerFullName": lambda balancer: balancer.arn.rpartition("loadbalancer/")[2],
    },
}
#: What is not moto's, and is more than a record.
OWN: dict[str, type[Record]] = {"AWS::CertificateManager::Certificate": Certificate}
_moto_class = parsing.resource_class_from_type
_moto_changed = parsing.parse_and_update_resource
_moto_parse = Stack.parse_template


def install() -> None:
    """Put these in the place of what moto has."""
    parsing.resource_class_from_type = _class_of
    parsing.parse_and_update_resource = _changed  # type: ignore[assignment]
    Stack.parse_template = staticmethod(_parse)  # type: ignore[method-assign]
    DBParameterGroup.physical_resource_id = property(lambda group: group.name)  # type: ignore[attr-defined]
    for kind, attributes in _ATTRIBUTES.items():
        kind.get_cfn_attribute = partialmethod(_attribute, attributes)
    Stack.get_cfn_attribute = _output  # type: ignore[attr-defined]
    Stack.update_from_cloudformation_json = classmethod(_update)  # type: ignore[assignment]
    ChangeSet.apply = apply  # type: ignore[assignment, method-assign]


def apply(change_set: ChangeSet) -> None:
    """Carry it out; moto reads the template in a way of its own, and leaves the stack without new outputs."""
    stack = change_set.stack
    stack.template, stack.parameters = change_set.template, change_set.parameters
    stack._parse_template()
    stack.resource_map.update(stack.template_dict, stack.parameters)
    stack.output_map = stack._create_output_map()


def _class_of(resource_type: str) -> type[CloudFormationModel]:
    if resource_type in RECORDS:
        return Record
    found = OWN.get(resource_type) or _moto_class(resource_type)
    if not found:
        raise UnknownTypeError(resource_type)
    return found


def _changed(name: str, resource: dict[str, Any], resources: parsing.ResourceMap, **where: str) -> Any:
    """Moto loses what it cannot change."""
    if resource["Type"] in UNCHANGED:
        return resources[name]
    return _moto_changed(name, resource, resources, **where)


def _parse(template: str) -> Any:
    return _whole_names(_moto_parse(template))


def _whole_names(part: Any) -> Any:
    """An attribute's name may have dots; moto's YAML takes it apart at each."""
    if isinstance(part, dict):
        if isinstance(part.get("Fn::GetAtt"), list):
            resource, *path = part["Fn::GetAtt"]
            return {"Fn::GetAtt": [resource, ".".join(path)]}
        return {key: _whole_names(value) for key, value in part.items()}
    return [_whole_names(value) for value in part] if isinstance(part, list) else part


def _attribute(resource: Any, attributes: dict[str, Callable[[Any], str]], name: str) -> str:
    return attributes[name](resource)


def _output(stack: Stack, attribute_name: str) -> str:
    """Of a nested stack, as ``Outputs.NAME``."""
    name = attribute_name.removeprefix("Outputs.")
    found = {output["OutputKey"]: str(output["OutputValue"]) for output in stack.outputs or []}
    if name not in found:
        raise ValidationError(message=f"Template error: {stack.name} has no output {name}")
    return found[name]


def _update(
    _: type[Stack],
    original_resource: Stack,
    new_resource_name: str,
    cloudformation_json: dict[str, Any],
    account_id: str,
    region_name: str,
) -> Stack:
    """In place; moto ends a nested stack and makes another."""
    properties = cloudformation_json["Properties"]
    template = get_stack_from_s3_url(properties["TemplateURL"], account_id, get_partition(region_name))
    original_resource.update(template, parameters=properties.get("Parameters", {}))
    return original_resource
