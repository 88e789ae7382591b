"""Systems Manager, and the two services of which the portal asks one thing each.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html
"""

from collections.abc import Callable, Iterator

from tests.iam.requests import Context, Parameters, Request, World

#: Documents of AWS's own have no account.
_AWS = "AWS-"
#: Asked for without a resource.
_LISTS = frozenset(
    {"DescribeInstanceInformation", "GetCommandInvocation", "ListCommandInvocations", "ListCommands"}
)


def requests(name: str, given: Parameters, world: World) -> list[Request]:
    action = name.partition(":")[2]
    return [Request(name, "*")] if action in _LISTS else list(_CALLS[action](name, given, world))


def put_metric_data(name: str, given: Parameters, world: World) -> list[Request]:
    return [Request(name, "*", {"cloudwatch:namespace": world.named(given["Namespace"])})]


def parameter(world: World, name: str) -> str:
    """Those below /aws/ are AWS's."""
    path = world.named(name)
    account = "" if path.startswith("/aws/") else world.scope.account
    return world.arn("ssm", f"parameter{path}", account=account)


def document(world: World, name: str) -> str:
    account = "" if name.startswith(_AWS) else world.scope.account
    return world.arn("ssm", f"document/{world.named(name)}", account=account)


def _read(name: str, given: Parameters, world: World) -> Iterator[Request]:
    yield Request(name, parameter(world, given["Name"]), world.holding("ssm:resourceTag"))


def _put(name: str, given: Parameters, world: World) -> Iterator[Request]:
    """Tags of a new parameter are asked for once more."""
    tags = given.get("Tags", {})
    overwrite: Context = {"ssm:Overwrite": str("Overwrite" in given).lower()}
    yield Request(name, parameter(world, given["Name"]), world.asking(tags) | overwrite)
    if tags:
        yield Request("ssm:AddTagsToResource", parameter(world, given["Name"]), world.asking(tags))


def _tag(name: str, given: Parameters, world: World) -> Iterator[Request]:
    kinds = {"Parameter": parameter}
    yield Request(name, kinds[given["ResourceType"]](world, given["ResourceId"]), world.asking(given["Tags"]))


def _delete(name: str, given: Parameters, world: World) -> Iterator[Request]:
    for each in given["Names"]:
        yield Request(name, parameter(world, each))


def _read_settings(name: str, given: Parameters, world: World) -> Iterator[Request]:
    path = given["Path"] if given["Path"] != "*" else "/PREFIX/portal"
    yield Request(name, parameter(world, path))


def _of_document(name: str, given: Parameters, world: World) -> Iterator[Request]:
    yield Request(name, document(world, given["Name"]))


def _send(name: str, given: Parameters, world: World) -> Iterator[Request]:
    yield Request(name, document(world, given["DocumentName"]))
    machine = world.arn("ec2", "instance/i-1")
    yield Request(name, machine, world.holding("ssm:resourceTag"))


_CALLS: dict[str, Callable[[str, Parameters, World], Iterator[Request]]] = {
    "AddTagsToResource": _tag,
    "DeleteParameters": _delete,
    "DescribeDocument": _of_document,
    "GetDocument": _of_document,
    "GetParameter": _read,
    "GetParameters": _read,
    "GetParametersByPath": _read_settings,
    "PutParameter": _put,
    "SendCommand": _send,
}
