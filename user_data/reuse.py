"""Which virtual environment a release uses: its own, or the live one's when it asks for the same packages.

They lie in /srv/ecdeployer/venvs, each named after the release that it was made for, and nothing is installed
into one that a second release uses. What is chosen is said on descriptor 5: root makes the link.
"""

import hashlib
import json
import os
import re
from typing import Any

from user_data.requirement_lines import Reading

VENVS = "/srv/ecdeployer/venvs"
#: Names with versions and markers, and options: they mean the same for every commit, unlike a path or branch.
SAME_EVERYWHERE = re.compile(r"--[a-z-]+[ =]\S+|[A-Za-z0-9][\w.-]*\s*(\[[^\]]*\])?\s*([=<>!~;(][^@]*)?")


def key(reading: Reading, plan: dict[str, Any]) -> str:
    """What an environment is made of; empty where another commit may make another of the same lines."""
    if not all(SAME_EVERYWHERE.fullmatch(line.strip()) for line in [*reading.lines, *reading.constraints]):
        return ""
    made_of = [reading.lines, reading.constraints, plan]
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()


def used(home: str) -> str:
    """The directory of a release's environment."""
    return os.path.realpath(f"{home}/venv")


def own(home: str) -> str:
    return f"{VENVS}/{os.path.basename(home)}"


def find(home: str, wanted: str) -> str:
    """The live release's environment where it was made of the same; else the release's own."""
    live = used(f"{home}/../../current")
    shared = wanted and os.path.dirname(live) == VENVS and read(live).get("key") == wanted
    return live if shared else own(home)


def choose(venv: str) -> None:
    with os.fdopen(os.dup(5), "w", encoding="ascii") as file:
        file.write(os.path.basename(venv))


def read(venv: str) -> dict[str, Any]:
    try:
        with open(f"{venv}/ecdeployer.json", encoding="utf-8") as file:
            return dict(json.load(file))
    except (OSError, ValueError):
        return {}


def write(venv: str, record: dict[str, Any]) -> None:
    with open(f"{venv}/ecdeployer.json", "w", encoding="utf-8") as file:
        json.dump(record, file)


def note(venv: str, change: dict[str, str]) -> None:
    """A change that every release with the same packages has to tell."""
    record = read(venv)
    write(venv, record | {"changes": [*record.get("changes", []), change]})
