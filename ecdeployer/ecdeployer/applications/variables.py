"""A site's environment variables as people write them: lines like those of a ``.env`` file, or a mapping.

Quotes are those of python-dotenv; nothing is interpolated. A value is kept byte for byte.
"""

import json
import re
from collections.abc import Mapping
from io import StringIO
from typing import Any

from dotenv.parser import Binding, parse_stream

#: Bytes of all variables together as JSON: ten Parameter Store parameters of 4,096 characters in base64, less
#: what the portal adds.
SIZE_LIMIT = 30_000
NAME_LENGTH = 255

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: What the loader, the shell, Python, git, the installers, nginx's neighbours or AWS's SDK would obey.
_RESERVED = re.compile(
    r"__.*|(LD|DYLD|BASH|GIT|PIP|UV|GUNICORN|SUPERVISOR|ECDEPLOYER|GCONV|MALLOC)_.*"
    r"|PYTHON(?!UNBUFFERED|DONTWRITEBYTECODE|HASHSEED|UTF8).*|(HTTP|HTTPS|ALL|NO|FTP)_PROXY"
    r"|PATH|HOME|SHELL|USER|LOGNAME|PWD|OLDPWD|IFS|ENV|PS[0-4]|PROMPT_COMMAND|CDPATH|TMPDIR|BASHOPTS|SHELLOPTS"
    r"|VIRTUAL_ENV|NODE_OPTIONS|PERL5LIB|PERL5OPT|RUBYOPT|SSL_CERT_(FILE|DIR)|(REQUESTS|CURL)_CA_BUNDLE"
    r"|AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|SECURITY_TOKEN|PROFILE|DEFAULT_PROFILE|CONFIG_FILE"
    r"|SHARED_CREDENTIALS_FILE|CA_BUNDLE|ROLE_ARN|ROLE_SESSION_NAME|WEB_IDENTITY_TOKEN_FILE"
    r"|ENDPOINT_URL.*|EC2_METADATA_.*|CONTAINER_.*)",
    re.IGNORECASE,
)


class VariableError(ValueError):
    """What was found, and what to do; for the person."""


def parse(text: str) -> dict[str, str]:
    """Read ``NAME=value`` lines; raises VariableError for the first line that cannot be kept as it stands."""
    values: dict[str, str] = {}
    if len(text) > 2 * SIZE_LIMIT:
        _check_size({"": text})
    # Browsers send the line breaks of a text area as CR LF.
    for binding in parse_stream(StringIO(text.replace("\r\n", "\n"))):
        line = binding.original.line + _blank_lines(binding)
        name, value = _read(binding, line)
        if name is None:
            continue
        if name in values:
            raise VariableError(f"Line {line}: {name} is given twice. Keep one of them.")
        _check(name, value, where=f"Line {line}: ")
        values[name] = value
    _check_size(values)
    return values


def check(values: Mapping[Any, Any]) -> dict[str, str]:
    """The same rules for a mapping; raises VariableError."""
    for name, value in values.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise VariableError(f"{name}: found {type(value).__name__}. Write the value as text.")
        _check(name, value, where="")
    checked = {str(name): str(value) for name, value in values.items()}
    _check_size(checked)
    return checked


def check_name(name: str) -> None:
    _check(name, "", where="")


def _blank_lines(binding: Binding) -> int:
    """dotenv counts the blank lines before a binding as part of it."""
    text = binding.original.string
    return text[: len(text) - len(text.lstrip())].count("\n")


def _read(binding: Binding, line: int) -> tuple[str | None, str]:
    if binding.error:
        raise VariableError(
            f"Line {line} cannot be read. Write NAME=value; put a value that spans lines, or that "
            "holds quotes at its ends, between single quotes."
        )
    if binding.key is not None and binding.value is None:
        raise VariableError(f"Line {line}: found {_shown(binding.key)} without '='. Write NAME=value.")
    return binding.key, binding.value or ""


def _check(name: str, value: str, *, where: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > NAME_LENGTH:
        raise VariableError(
            f"{where}found the name {_shown(name)}. A name has letters, digits and underscores, does not "
            f"begin with a digit, and is no longer than {NAME_LENGTH}."
        )
    if _RESERVED.fullmatch(name):
        raise VariableError(
            f"{where}{name} is reserved: it would change how the machine itself works. Give the variable "
            "another name, and read that in the project's settings."
        )
    if "\0" in value or not _is_unicode(value):
        raise VariableError(
            f"{where}the value of {name} holds a character that no environment can hold. Remove it."
        )


def _check_size(values: Mapping[str, str]) -> None:
    size = len(json.dumps(values))
    if size > SIZE_LIMIT:
        raise VariableError(
            f"The variables are {size:,} bytes together, and {SIZE_LIMIT:,} is the most that can be kept. "
            "Move long values, such as certificates, into files of the repository or into a service."
        )


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(text: str) -> str:
    """Enough of what was typed to find it again, with nothing in it that a terminal would obey."""
    return ascii(text if len(text) <= 60 else f"{text[:60]}...")
