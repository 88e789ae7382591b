"""What a change of an application's environment would do, before and while it is done."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from .models import Application, EnvironmentVariable, Event

CHANGED = "environment changed"
EXPORTED = "environment exported"
HISTORY = 20
NOT_SHOWN = "{}: the value of a secret is not shown again. Give a new value with this."
_LIKELY_NAME = re.compile(
    r"KEY|SECRET|TOKEN|PASSW|PWD|CREDENTIAL|PRIVATE|SIGNATURE|SALT|DSN|AUTH", re.IGNORECASE
)
#: A URL that names who signs in.
_USERINFO = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#\s]*@")


class Kind(StrEnum):
    ADDED = "added"
    CHANGED = "changed"
    SAME = "same"
    REMOVED = "removed"


@dataclass(frozen=True, kw_only=True)
class Change:
    """What becomes of one variable. ``before`` and ``after`` are None where it is not, or is secret."""

    name: str
    kind: Kind
    secret: bool
    was_secret: bool
    before: str | None
    after: str | None

    @property
    def is_change(self) -> bool:
        return self.kind != Kind.SAME or self.secret != self.was_secret


def looks_secret(name: str, value: str) -> bool:
    return bool(_LIKELY_NAME.search(name) or _USERINFO.match(value))


def read_variables(application: Application) -> dict[str, EnvironmentVariable]:
    """By name, with the person who changed each. One query."""
    return {each.name: each for each in application.environment.select_related("changed_by").order_by("name")}


def history(application: Application) -> Iterable[Event]:
    """Who changed which names, and who took the file. One query."""
    return application.events.filter(verb__in=[CHANGED, EXPORTED]).order_by("-id")[:HISTORY]


def merge(present: Mapping[str, EnvironmentVariable], values: Mapping[str, str | None]) -> dict[str, str]:
    """The environment that these changes lead to; None removes."""
    kept = {name: each.value for name, each in present.items()}
    return {name: value for name, value in {**kept, **values}.items() if value is not None}


def compare(
    present: Mapping[str, EnvironmentVariable],
    values: Mapping[str, str | None],
    secret: Mapping[str, bool],
) -> list[Change]:
    """What becomes of those that are named, in their order; a new one is a secret unless that is said."""
    names = sorted({*values, *(set(secret) & set(present))})
    return [_compare(name, present.get(name), values, secret) for name in names]


def _compare(
    name: str,
    present: EnvironmentVariable | None,
    values: Mapping[str, str | None],
    secret: Mapping[str, bool],
) -> Change:
    before = present.value if present else None
    after = values.get(name) if name in values else before
    was_secret = present.secret if present else True
    will_be = secret.get(name, was_secret) if after is not None else was_secret
    return Change(
        name=name,
        kind=_kind(before, after),
        secret=will_be,
        was_secret=was_secret if present else will_be,
        before=None if was_secret else before,
        after=None if will_be else after,
    )


def _kind(before: str | None, after: str | None) -> Kind:
    if before == after:
        return Kind.SAME
    if after is None:
        return Kind.REMOVED
    return Kind.ADDED if before is None else Kind.CHANGED


def describe(changes: Iterable[Change]) -> str:
    """For the history: names alone."""
    listed = list(changes)
    parts = [", ".join(each.name for each in listed if each.kind != Kind.SAME)]
    turned = [each for each in listed if each.secret != each.was_secret]
    for label, secret in (("secret from now on", True), ("shown from now on", False)):
        names = ", ".join(each.name for each in turned if each.secret is secret)
        parts += [f"{label}: {names}"] if names else []
    return "; ".join(part for part in parts if part)


def revealed(
    present: Mapping[str, EnvironmentVariable],
    values: Mapping[str, str | None],
    secret: Mapping[str, bool],
) -> list[str]:
    """Secrets whose kept value these changes would show: that takes a new value."""
    shown = {name for name, flag in secret.items() if not flag and values.get(name) is None}
    return sorted(name for name in shown if name in present and present[name].secret)
