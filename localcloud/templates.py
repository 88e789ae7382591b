"""Launch templates: a template's data under what the request itself says."""

from collections.abc import Mapping
from typing import Any

# Named differently, or kept apart, in a request.
_OWN_RULES = ("TagSpecifications", "LaunchTemplate", "InstanceRequirements")


def merge(template: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """The request completed from a template; the request wins, and tags of both apply, key by key."""
    merged = {name: value for name, value in template.items() if name not in _OWN_RULES and value is not None}
    merged.update(request)
    if template.get("MetadataOptions") and request.get("MetadataOptions"):
        merged["MetadataOptions"] = {**template["MetadataOptions"], **request["MetadataOptions"]}
    if merged.get("UserData") is not None:
        merged["UserData"] = str(merged["UserData"])
    tags = merge_tags(template.get("TagSpecifications") or [], request.get("TagSpecifications") or [])
    if tags:
        merged["TagSpecifications"] = tags
    return merged


def merge_tags(*specifications: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tag specifications of several lists, a later value of a key in place of an earlier one."""
    by_type: dict[str, dict[str, str]] = {}
    for specification in (entry for entries in specifications for entry in entries):
        tags = by_type.setdefault(specification["ResourceType"], {})
        tags.update({tag["Key"]: tag.get("Value", "") for tag in specification.get("Tags", [])})
    return [
        {"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        for kind, tags in by_type.items()
    ]


def without_own_tags(data: Mapping[str, Any]) -> dict[str, Any]:
    """Template data as it was given: tags of the template itself are no part of it."""
    kept = [
        entry for entry in data.get("TagSpecifications") or [] if entry["ResourceType"] != "launch-template"
    ]
    rest = {name: value for name, value in data.items() if name != "TagSpecifications" and value is not None}
    return {**rest, "TagSpecifications": kept} if kept else rest
