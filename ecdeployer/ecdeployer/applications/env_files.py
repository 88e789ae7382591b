"""A site's variables as a ``.env`` file, for people to take away and bring back."""

import re
from collections.abc import Iterable

from .models import EnvironmentVariable

#: What stands as it is for python-dotenv, a shell and Compose alike.
_BARE = re.compile(r"[A-Za-z0-9_./:@%+,-]*")
#: Between single quotes nothing means anything but these.
_NEEDS_ESCAPES = re.compile(r"['\\\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ESCAPES = {
    "\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t",
    "\a": "\\a", "\b": "\\b", "\f": "\\f", "\v": "\\v",
}  # fmt: skip
_LEFT_OUT = "# {name}= (secret, not exported)"
_SECRETS = re.compile(r"^# ([A-Za-z_][A-Za-z0-9_]*)= \(secret, not exported\)\r?$", re.MULTILINE)


def write(variables: Iterable[EnvironmentVariable]) -> str:
    """Lines that ``variables.parse`` reads to the same values; of a secret its name alone, in a comment."""
    return "".join(f"{_line(each)}\n" for each in variables)


def named_secrets(text: str) -> set[str]:
    """The secrets that such a file speaks of: it was written where they exist, and means to keep them."""
    return set(_SECRETS.findall(text))


def _line(variable: EnvironmentVariable) -> str:
    if variable.secret:
        return _LEFT_OUT.format(name=variable.name)
    return f"{variable.name}={_quoted(variable.value)}"


def _quoted(value: str) -> str:
    if _BARE.fullmatch(value):
        return value
    if not _NEEDS_ESCAPES.search(value):
        return f"'{value}'"
    return '"' + "".join(_ESCAPES.get(character, character) for character in value) + '"'
