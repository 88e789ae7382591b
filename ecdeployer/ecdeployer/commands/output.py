"""What a command has printed: each report adds a piece. What is too much is dropped, piece by piece."""

from uuid import UUID

from .models import Command, OutputPart

#: Characters that are kept: of the beginning and the end of what a command prints, of a log that is
#: followed, and of one that is taken whole.
HEAD, TAIL = 128 * 1024, 256 * 1024
WHOLE = 12_000_000
CUT = "\n[... cut here ...]\n"


def _kept(command: Command) -> tuple[int, int]:
    """Characters at the beginning and at the end."""
    if command.action != Command.Action.LOGS:
        return HEAD, TAIL
    return (WHOLE, 0) if command.arguments["whole"] else (0, TAIL)


def add(command: Command, text: str) -> None:
    """One query, and one more once there is too much. The caller saves ``output_length``."""
    if not text:
        return
    start = command.output_length
    command.output_length += len(text)
    OutputPart.objects.create(command=command, start=start, end=command.output_length, text=text)
    head, tail = _kept(command)
    if command.output_length > head + tail:
        too_much = OutputPart.objects.filter(command=command, start__gte=head)
        too_much.filter(end__lte=command.output_length - tail).delete()


def read(command: UUID, offset: int, *, size: int) -> tuple[str, int]:
    """At most so many characters from there on, and where they end. What was dropped is marked.

    One query; two where the place itself was dropped.
    """
    ahead = OutputPart.objects.filter(command=command, end__gt=offset)
    parts = list(ahead.filter(start__lt=offset + size)) or list(ahead[:1])
    texts, room = [], size
    for part in parts:
        if part.start > offset:
            texts.append(CUT)
            offset = part.start
        piece = part.text[offset - part.start :][:room]
        texts.append(piece)
        offset, room = offset + len(piece), room - len(piece)
    return "".join(texts), offset


def tail(command: Command, *, size: int) -> str:
    """Its last characters. One query."""
    return read(command.pk, max(0, command.output_length - size), size=size)[0]


def everything(command: Command) -> str:
    """All that was kept, from the first character on."""
    return read(command.pk, 0, size=max(1, command.output_length))[0]
