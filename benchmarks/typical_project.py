"""The sample guestbook, with the packages that many projects have."""

from scripts.stack.portal import ROOT

NAME = "guestbook"
_REQUIREMENTS = """\
Django~=5.2.0
gunicorn
Pillow
psycopg[binary]
celery
djangorestframework
django-environ
whitenoise
"""


def files() -> dict[str, str | bytes]:
    """By path."""
    root = ROOT / "samples" / NAME
    found = [path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    kept: dict[str, str | bytes] = {str(path.relative_to(root)): path.read_bytes() for path in found}
    return kept | {"requirements.txt": _REQUIREMENTS}
