"""The logs that machines have: their names, and what a machine said of them last."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.core.cache import cache

from .models import Command

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}", re.ASCII)
#: What every machine has, in the order of the page; what else there is depends on the site.
LABELS = {
    "web": "Site",
    "nginx-access": "nginx: requests",
    "nginx-error": "nginx: errors",
    "supervisor": "supervisor",
    "system": "System services",
}
_MOST = 100
_LARGEST = 1 << 50
_LATEST = 1 << 33
#: What is forgotten is told again with the next answer.
_REMEMBERED = 30 * 24 * 3600


@dataclass(frozen=True, kw_only=True)
class Source:
    """``size`` is in bytes; both are None where the machine has not told."""

    name: str
    size: int | None = None
    changed_at: datetime | None = None

    @property
    def label(self) -> str:
        kind, _, rest = self.name.partition("-")
        if self.name in LABELS:
            return LABELS[self.name]
        return {"process": "Process ", "schedule": "Scheduled command "}.get(kind, kind) + rest


def of_machine(instance: UUID) -> list[Source]:
    """Those that every machine has, and what this one has told of beside them."""
    told = {source.name: source for source in cache.get(_key(instance)) or ()}
    usual = [told.get(name, Source(name=name)) for name in LABELS]
    return usual[:1] + [source for name, source in told.items() if name not in LABELS] + usual[1:]


def take(command: Command, text: str) -> str:
    """Remember the listing that an answer begins with; what is left of the answer."""
    first, newline, rest = text.partition("\n")
    found = _read(first) if newline else None
    if found is None:
        return text
    cache.set(_key(command.instance_id), found, timeout=_REMEMBERED)
    return rest


def _key(instance: UUID) -> str:
    return f"log-sources-{instance}"


def _read(line: str) -> list[Source] | None:
    """None for what is no listing: a machine may say anything."""
    try:
        listed = json.loads(line)["sources"]
        return [_source(item) for item in listed[:_MOST] if NAME.fullmatch(item["name"])]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _source(item: dict[str, Any]) -> Source:
    size, changed = item["size"], item["changed"]
    for value, most in ((size, _LARGEST), (changed, _LATEST)):
        if value is not None and (type(value) is not int or not 0 <= value < most):
            raise ValueError
    moment = None if changed is None else datetime.fromtimestamp(changed, tz=UTC)
    return Source(name=item["name"], size=size, changed_at=moment)
