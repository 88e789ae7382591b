"""Variables as lines NAME=value: python-dotenv's, with nothing interpolated."""

from collections.abc import Mapping
from io import StringIO

from dotenv.parser import parse_stream

from .failures import RefusedFailure


def read(text: str) -> dict[str, str]:
    """Raises RefusedFailure for the first line that cannot be read. The portal checks the rest."""
    values: dict[str, str] = {}
    for binding in parse_stream(StringIO(text.replace("\r\n", "\n"))):
        number = binding.original.line
        if binding.error or (binding.key is not None and binding.value is None):
            raise RefusedFailure(f"The line at {number} cannot be read. Write NAME=value.")
        if binding.key is None:
            continue
        if binding.key in values:
            raise RefusedFailure(f"{binding.key} is given twice, again at line {number}. Keep one of them.")
        values[binding.key] = binding.value or ""
    return values


def write(values: Mapping[str, str]) -> str:
    """What ``read`` reads as these values."""
    return "".join(f"{name}={_quoted(value)}\n" for name, value in values.items())


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
