"""Project names: what can be a package that Python imports, and a directory of a repository."""

import keyword
import re
import sys

LONGEST = 63
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
#: Names that would stand before a module that a site or its machine imports; startproject refuses most too.
_TAKEN = frozenset(
    {
        "asgi",
        "celery",
        "django",
        "gunicorn",
        "manage",
        "nginx",
        "settings",
        "supervisor",
        "test",
        "urls",
        "wsgi",
    }
)
_WORDS = frozenset({"con", "aux", "nul", "prn", "null", "none", "true", "false"})


def check_project_name(text: str) -> None:
    """Raise ValueError, with words for the person, unless a Django project may have this name."""
    if not text:
        raise ValueError("Enter the name of the directory that holds manage.py.")
    shown = repr(text[:40])
    if len(text) > LONGEST:
        raise ValueError(f"Found {len(text)} characters. A project name has at most {LONGEST}.")
    if not _NAME.fullmatch(text):
        raise ValueError(
            f"Found {shown}. A project name is a Python package: letters, digits and underscores, and a "
            "letter first."
        )
    if len(text) == 1:
        raise ValueError(f"Found {shown}. A project name has at least two characters.")
    if keyword.iskeyword(text) or text.lower() in _WORDS:
        raise ValueError(f"Found {shown}, which is a reserved word.")
    if text in _TAKEN or text in sys.stdlib_module_names:
        raise ValueError(
            f"Found {shown}, which is the name of a module that sites import. Rename the project."
        )
