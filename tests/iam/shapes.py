"""A call of AWS without what differs from one time to the next: keys, names, secrets, numbers."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import total_ordering
from typing import Any

from django.conf import settings

#: By call: the parameters whose values AWS's decision hangs on. Of all others the name is kept, and no value.
TELLING = {
    "ec2:AllocateAddress": ("TagSpecifications",),
    "ec2:CreateImage": ("TagSpecifications",),
    "ec2:RunInstances": ("TagSpecifications",),
    "cloudwatch:PutMetricData": ("Namespace",),
    "ssm:AddTagsToResource": ("ResourceType", "ResourceId", "Tags"),
    "ssm:DeleteParameters": ("Names",),
    "ssm:DescribeDocument": ("Name",),
    "ssm:GetParameter": ("Name",),
    "ssm:PutParameter": ("Name", "Tags"),
    "ssm:SendCommand": ("DocumentName",),
}
#: Parameters of every list, which no decision hangs on.
_PAGES = frozenset({"MaxResults", "NextToken"})
_HIDDEN = "*"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@total_ordering
@dataclass(frozen=True)
class Call:
    """``asker``: "portal", or "operator"; ``parameters``: JSON, so that calls may be compared."""

    asker: str
    name: str
    parameters: str

    def __lt__(self, other: "Call") -> bool:
        return (self.asker, self.name, self.parameters) < (other.asker, other.name, other.parameters)

    @property
    def given(self) -> dict[str, Any]:
        return dict(json.loads(self.parameters))

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Call":
        given = json.dumps(document.get("parameters", {}), sort_keys=True)
        return cls(document["asker"], document["call"], given)

    def to_json(self) -> dict[str, Any]:
        return {"asker": self.asker, "call": self.name, "parameters": self.given}


def shape_of(service: str, operation: str, parameters: Mapping[str, Any], *, asker: str) -> Call:
    """An operator's calls are told apart by their names alone: what they may do is not ours to narrow."""
    name = f"{service}:{operation}"
    telling = TELLING.get(name, ())
    given = {
        key: _plain(value) if key in telling else _HIDDEN
        for key, value in parameters.items()
        if key not in _PAGES and asker == "portal"
    }
    return Call(asker, name, json.dumps(given, sort_keys=True))


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return _named(value)
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if value and all(isinstance(each, Mapping) and "Key" in each for each in value):
        return {each["Key"]: _tag(each) for each in value}
    plain = [_plain(each) for each in value]
    return [each for place, each in enumerate(plain) if each not in plain[:place]]


def _tag(tag: Mapping[str, str]) -> str:
    return _named(tag["Value"]) if tag["Key"] == "ecdeployer:prefix" else _HIDDEN


def _named(text: str) -> str:
    """With words in place of what is this portal's, this application's, or one of several parts."""
    ours = {settings.CLOUDWATCH_NAMESPACE: "NAMESPACE", settings.BASE_AMI_PARAMETER: "BASE"}
    if ours.get(text):
        return ours[text]
    text = re.sub(rf"^(/?){re.escape(settings.RESOURCE_PREFIX)}(?=[/-]|$)", r"\1PREFIX", text)
    return re.sub(r"/\d$", "/PART", _UUID.sub("APPLICATION", text))
