"""Words for nginx's and supervisor's files.

Both formats have text that no quoting can carry (nginx has no escape for ``$``, supervisor none for a line
break). Such text raises UnsafeTextError, whoever called and whatever was checked before.
"""

import re
import shlex


class UnsafeTextError(ValueError):
    """A text that cannot stand in a configuration file."""


def nginx_word(text: str) -> str:
    """One nginx argument, in double quotes."""
    if not text or "$" in text or not text.isprintable():
        raise UnsafeTextError(f"nginx cannot quote {text!r}")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def supervisor_words(*texts: str) -> str:
    """A command line: supervisor splits it as a shell does, after expanding ``%``.

    Its parser takes ``;`` and ``#`` after a space for the start of a comment, in quotes too.
    """
    for text in texts:
        if not text or not text.isprintable() or re.search(r"\s[;#]", text):
            raise UnsafeTextError(f"supervisor cannot quote {text!r}")
    return " ".join(shlex.quote(text) for text in texts).replace("%", "%%")


def section_name(text: str) -> str:
    """The name of a program in supervisor."""
    if not text or not all(letter.isascii() and (letter.isalnum() or letter in "-_") for letter in text):
        raise UnsafeTextError(f"supervisor has no program of the name {text!r}")
    return text
