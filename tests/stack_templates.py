"""The account's CloudFormation templates, as tests read them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cfnlint.decode import cfn_yaml

FOLDER = Path(__file__).resolve().parents[1] / "infrastructure" / "templates"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
#: Stands by itself; everything else is nested in root.
BOOTSTRAP = "bootstrap"
ROOT = "root"


@dataclass(frozen=True)
class Resource:
    """``id`` is its logical name."""

    template: str
    id: str
    type: str
    body: dict[str, Any]

    @property
    def properties(self) -> dict[str, Any]:
        found: dict[str, Any] = self.body.get("Properties", {})
        return found


def load(name: str) -> dict[str, Any]:
    """Functions in their long form: ``{"Ref": ...}``, ``{"Fn::Sub": ...}``."""
    found: dict[str, Any] = cfn_yaml.load(str(FOLDER / f"{name}.yaml"))
    return found


def resources(*types: str) -> Iterator[Resource]:
    """Of all templates; of these types, where any are named."""
    for name in NAMES:
        for logical_id, body in load(name)["Resources"].items():
            if not types or body["Type"] in types:
                yield Resource(name, logical_id, body["Type"], body)


def find(template: str, logical_id: str) -> Resource:
    body = load(template)["Resources"][logical_id]
    return Resource(template, logical_id, body["Type"], body)


def statements(role: Resource) -> list[dict[str, Any]]:
    """Of its own policies."""
    return [
        statement
        for policy in role.properties["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def actions(statement: dict[str, Any]) -> list[str]:
    """A single one is written without a list."""
    found = statement["Action"]
    return [found] if isinstance(found, str) else list(found)


def resolved(part: Any, values: Mapping[str, str]) -> Any:
    """With ``Ref``, ``Fn::GetAtt`` and ``Fn::Sub`` replaced by what they stand for. KeyError: nobody said."""
    if isinstance(part, list):
        return [resolved(each, values) for each in part]
    if not isinstance(part, dict):
        return part
    if part.keys() == {"Ref"}:
        return values[part["Ref"]]
    if part.keys() == {"Fn::GetAtt"}:
        return values[".".join(part["Fn::GetAtt"])]
    if part.keys() == {"Fn::Sub"}:
        return re.sub(r"\$\{([\w:]+)\}", lambda found: values[found[1]], part["Fn::Sub"])
    return {key: resolved(value, values) for key, value in part.items()}


def walk(part: Any) -> Iterator[tuple[str, Any]]:
    """Every key with what stands behind it, at any depth."""
    if isinstance(part, dict):
        for key, value in part.items():
            yield key, value
            yield from walk(value)
    elif isinstance(part, list):
        for value in part:
            yield from walk(value)
