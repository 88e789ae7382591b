"""EC2: a launch is many requests, a look is one.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
"""

from collections.abc import Callable, Iterator, Mapping

from tests.iam.requests import Context, Parameters, Request, World

#: Of what a call makes or names.
_IDS = {
    "elastic-ip": "eipalloc-1",
    "image": "ami-1",
    "instance": "i-1",
    "launch-template": "lt-1",
    "network-interface": "eni-1",
    "security-group": "sg-1",
    "snapshot": "snap-1",
    "subnet": "subnet-1",
    "volume": "vol-1",
}
#: EC2 gives them no owner.
_NOBODYS = frozenset({"image", "snapshot"})


def requests(name: str, given: Parameters, world: World) -> list[Request]:
    action = name.partition(":")[2]
    if action.startswith("Describe"):
        return [Request(name, "*")]
    return list(_CALLS[action](name, given, world))


def arn(world: World, kind: str) -> str:
    account = "" if kind in _NOBODYS else world.scope.account
    return world.arn("ec2", f"{kind}/{_IDS[kind]}", account=account)


def _on_instance(name: str, given: Parameters, world: World) -> Iterator[Request]:
    yield Request(name, arn(world, "instance"), world.holding("ec2:ResourceTag"))


def _launch(name: str, given: Parameters, world: World) -> Iterator[Request]:
    """A subnet is chosen by AWS where the call names none."""
    made = _tags(given)
    template: Context = {}
    if "LaunchTemplate" in given:
        template["ec2:LaunchTemplate"] = arn(world, "launch-template")
        yield Request(name, arn(world, "launch-template"), template | world.holding("ec2:ResourceTag"))
    from_template = {"security-group": "SecurityGroupIds" not in given}
    for kind in ("instance", "volume", "network-interface", "subnet", "security-group", "image"):
        is_templates = "LaunchTemplate" in given and from_template.get(kind, False)
        inside: Context = {"ec2:IsLaunchTemplateResource": str(is_templates).lower()}
        yield Request(name, arn(world, kind), template | inside | _own(kind, given, made, world))
    yield from _pass_role(given, world)
    yield from _tagging("RunInstances", made, world)


def _own(kind: str, given: Parameters, made: Mapping[str, Mapping[str, str]], world: World) -> Context:
    context = world.asking(made.get(kind, {}))
    if kind == "instance":
        options = given.get("MetadataOptions") or world.template()["MetadataOptions"]
        context["ec2:MetadataHttpTokens"] = options["HttpTokens"]
    return context


def _pass_role(given: Parameters, world: World) -> Iterator[Request]:
    """The role of the profile; ours has its name."""
    profile = given.get("IamInstanceProfile") or world.template()["IamInstanceProfile"]
    role = f"arn:aws:iam::{world.scope.account}:role/{profile['Name']}"
    yield Request("iam:PassRole", role, {"iam:PassedToService": "ec2.amazonaws.com"})


def _image(name: str, given: Parameters, world: World) -> Iterator[Request]:
    made = _tags(given)
    yield from _on_instance(name, given, world)
    for kind in ("image", "snapshot"):
        yield Request(name, arn(world, kind), world.asking(made.get(kind, {})))
    yield from _tagging("CreateImage", made, world)


def _allocate(name: str, given: Parameters, world: World) -> Iterator[Request]:
    made = _tags(given)
    yield Request(name, arn(world, "elastic-ip"), world.asking(made.get("elastic-ip", {})))
    yield from _tagging("AllocateAddress", made, world)


def _on_address(name: str, given: Parameters, world: World) -> Iterator[Request]:
    yield Request(name, arn(world, "elastic-ip"), world.holding("ec2:ResourceTag"))


def _associate(name: str, given: Parameters, world: World) -> Iterator[Request]:
    yield from _on_address(name, given, world)
    yield from _on_instance(name, given, world)


def _create_tags(name: str, given: Parameters, world: World) -> Iterator[Request]:
    """By themselves, outside of what makes a resource."""
    yield Request(
        name, arn(world, given["kind"]), world.asking(given["Tags"]) | world.holding("ec2:ResourceTag")
    )


def _tagging(maker: str, made: Mapping[str, Mapping[str, str]], world: World) -> Iterator[Request]:
    """Tags in the call that makes a resource are asked for once more, for each kind."""
    for kind, given in made.items():
        context = world.asking(given) | {"ec2:CreateAction": maker}
        yield Request("ec2:CreateTags", arn(world, kind), context)


def _tags(given: Parameters) -> dict[str, Mapping[str, str]]:
    return {each["ResourceType"]: each["Tags"] for each in given.get("TagSpecifications", ())}


_CALLS: dict[str, Callable[[str, Parameters, World], Iterator[Request]]] = {
    **dict.fromkeys(
        (
            "GetConsoleOutput",
            "ModifyInstanceAttribute",
            "RebootInstances",
            "StartInstances",
            "StopInstances",
            "TerminateInstances",
        ),
        _on_instance,
    ),
    "AllocateAddress": _allocate,
    "AssociateAddress": _associate,
    "CreateImage": _image,
    "CreateTags": _create_tags,
    "ReleaseAddress": _on_address,
    "RunInstances": _launch,
}
