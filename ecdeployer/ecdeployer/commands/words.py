"""A line for manage.py as people type it, read into words. No shell ever sees them."""

import shlex
from collections.abc import Sequence

#: More than any command of Django's has; together with the rest they have to fit into Run Command.
WORDS, LENGTH = 100, 4000
#: They wait for somebody at a keyboard, or never end.
_INTERACTIVE = {
    "shell": "Give it code with `shell -c '…'`.",
    "shell_plus": "Give it code with `shell -c '…'`.",
    "dbshell": "Use `inspectdb`, or `shell -c '…'` with a query.",
    "changepassword": "Create a superuser on the page below, or let the site send a reset link.",
    "runserver": "The site runs already.",
    "testserver": "The site runs already.",
}


class WordsError(ValueError):
    """What was found, and what to do; for the person."""


def read(line: str) -> list[str]:
    """Raises WordsError."""
    _refuse_unsendable(line)
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise WordsError(
            "Found a quotation mark that is not closed. Close it, or write \\ before it."
        ) from error
    return _check(words)


def take(words: Sequence[str]) -> list[str]:
    """The same rules for what comes as words. Raises WordsError."""
    _refuse_unsendable(" ".join(words))
    return _check(list(words))


def _refuse_unsendable(line: str) -> None:
    if len(line) > LENGTH:
        raise WordsError(f"Found {len(line):,} characters; at most {LENGTH:,} can be sent.")
    if any(ord(letter) < 32 or ord(letter) == 127 or 0xD800 <= ord(letter) < 0xE000 for letter in line):
        raise WordsError("Found a line break or another control character. Write one line.")


def _check(words: list[str]) -> list[str]:
    words = _without_program(words)
    if not words:
        raise WordsError("Enter a command, such as: migrate --plan")
    if len(words) > WORDS:
        raise WordsError(f"Found {len(words)} words; at most {WORDS} can be sent.")
    _refuse_interactive(words)
    return words


def _without_program(words: list[str]) -> list[str]:
    """People paste what they type at home: ``python manage.py migrate``."""
    if words and words[0] in {"python", "python3"}:
        words = words[1:]
    if words and words[0] in {"manage.py", "./manage.py", "django-admin"}:
        words = words[1:]
    return words


def _refuse_interactive(words: list[str]) -> None:
    name, *options = words
    if name.startswith("-"):
        raise WordsError(f"Found {name[:40]!r} first. Begin with the command's name.")
    given = {option.partition("=")[0] for option in options}
    if name == "createsuperuser" and not given & {"--noinput", "--no-input"}:
        raise WordsError("createsuperuser asks questions. Use the form for superusers below.")
    if name in {"shell", "shell_plus"} and any(each.startswith(("-c", "--command")) for each in given):
        return
    if name in _INTERACTIVE:
        raise WordsError(f"{name} waits for somebody at a keyboard. {_INTERACTIVE[name]}")
