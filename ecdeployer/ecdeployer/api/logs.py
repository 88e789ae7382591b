"""What steps and commands print, part by part."""

from collections.abc import Container
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Length, Substr

from ..commands import output
from ..commands.models import Command
from .bodies import Place
from .records import LogPart

#: Characters of a log in one answer.
PART = 65_536


def read_part(rows: QuerySet[Any], column: str, place: Place, *, final: Container[str]) -> LogPart | None:
    """From the place on, of the one row; None where there is none. ``final``: states of what has ended."""
    part = Substr(column, place.offset + 1, PART)
    found = rows.annotate(part=part, length=Length(column)).values_list("part", "length", "state").first()
    if found is None:
        return None
    text, length, state = found
    following = min(place.offset + len(text), length)
    complete = state in final and following == length
    return LogPart(text=text, offset=place.offset, next=following, complete=complete)


def read_output_of(command: Command, place: Place) -> LogPart:
    """Two queries at most, and none where nothing has come since."""
    text, following = "", min(place.offset, command.output_length)
    if place.offset < command.output_length:
        text, following = output.read(command.pk, place.offset, size=PART)
    if not text:
        following = min(following, command.output_length)
    complete = command.is_final and following >= command.output_length
    return LogPart(text=text, offset=place.offset, next=following, complete=complete)
