"""Text that machines print, made fit to be stored and shown: cleaned, without secrets, bounded."""

import re
from collections.abc import Iterable
from uuid import UUID

from django.db.models import F, Value
from django.db.models.functions import Concat, Length

from ..applications.models import EnvironmentVariable
from .models import Step

#: Characters that are kept of what one step or command prints: its beginning and its end.
LOG_LIMIT = 512 * 1024
HEAD = 128 * 1024
TAIL = 256 * 1024
CUT = "\n[... cut here: the whole log is in /var/log/ecdeployer on the machine ...]\n"
HIDDEN = "******"
SHORTEST_SECRET = 6

#: What terminals obey, and then every control character but tab and newline, with the marks that turn text.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def clean(text: str) -> str:
    """Valid Unicode of one line ending, with nothing in it that a terminal or a browser would obey."""
    if text.isprintable():  # As most of it is, and so nothing is to be taken out.
        return text
    text = text.encode("utf-8", "replace").decode()
    text = re.sub(r"\r+\n?", "\n", _ESCAPES.sub("", text))
    return _CONTROLS.sub("", text)


def secrets_of(application_id: UUID, *others: str) -> list[str]:
    """What must not be shown of an application: its secrets' values and their lines. One query."""
    variables = EnvironmentVariable.objects.filter(application_id=application_id, secret=True)
    values = variables.exclude(name="DJANGO_SETTINGS_MODULE").values_list("value", flat=True)
    lines = {line.strip() for value in (*values, *others) for line in (value, *value.splitlines())}
    return sorted((line for line in lines if len(line) >= SHORTEST_SECRET), key=len, reverse=True)


def redact(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return text


def append(step_id: int, text: str, *, offset: int) -> None:
    """Add to a step's log, and note how many bytes of the machine's file are in. One or three queries."""
    step = Step.objects.filter(pk=step_id)
    fits = step.annotate(size=Length("log")).filter(size__lte=LOG_LIMIT - len(text))
    if fits.update(log=Concat(F("log"), Value(text)), log_offset=offset):
        return
    log = step.values_list("log", flat=True).get() + text
    step.update(log=shorten(log, mark=CUT), log_offset=offset)


def shorten(text: str, *, mark: str) -> str:
    """Text beyond LOG_LIMIT without its middle, the mark in its place."""
    return text if len(text) <= LOG_LIMIT else text[:HEAD] + mark + text[HEAD:][-TAIL:]
