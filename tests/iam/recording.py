"""What the portal asks of AWS while the tests run: noted in each of its processes, once for each shape."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from botocore.client import BaseClient

from tests.iam.shapes import Call, shape_of

ROOT = Path(__file__).resolve().parents[2]
KNOWN = Path(__file__).with_name("calls.json")
#: Where processes note what they ask; nothing is noted without it.
FOLDER = "ECDEPLOYER_CALLS"
#: Put what is new into the list of what is known.
ADDING = "ECDEPLOYER_ADD_CALLS"
_PORTAL = str(ROOT / "ecdeployer" / "ecdeployer") + os.sep
_ROOM = _PORTAL + "aws" + os.sep
_TESTS = str(ROOT / "tests") + os.sep

_noted: set[str] = set()
_ask = BaseClient._make_api_call  # type: ignore[attr-defined]


def environment() -> dict[str, str]:
    """For a process of the portal's: Python imports ``site/sitecustomize.py`` when it starts."""
    folder = os.environ.get(FOLDER)
    path = os.pathsep.join((str(Path(__file__).with_name("site")), str(ROOT)))
    return {FOLDER: folder, "PYTHONPATH": path} if folder else {}


def install() -> None:
    """From now on every client of this process notes what the portal asks by it."""

    def noting(client: BaseClient, operation: str, parameters: Mapping[str, Any]) -> Any:
        asker = _asker(sys._getframe(1))
        if asker and FOLDER in os.environ:
            _note(shape_of(client.meta.service_model.service_name, operation, parameters, asker=asker))
        return _ask(client, operation, parameters)

    BaseClient._make_api_call = noting  # type: ignore[attr-defined]


def known() -> list[Call]:
    return [Call.from_json(each) for each in json.loads(KNOWN.read_text())]


def recorded(folder: Path) -> set[Call]:
    lines = (line for path in folder.glob("*.jsonl") for line in path.read_text().splitlines())
    return {Call.from_json(json.loads(line)) for line in lines}


def unknown(folder: Path) -> list[Call]:
    """Sorted; added to the list of what is known where that is asked for, and then none."""
    present = set(known())
    new = recorded(folder) - present
    if new and ADDING in os.environ:
        texts = ",\n".join(json.dumps(each.to_json(), sort_keys=True) for each in sorted(present | new))
        KNOWN.write_text(f"[\n{texts}\n]\n")
        return []
    return sorted(new)


def _note(call: Call) -> None:
    line = json.dumps(call.to_json(), sort_keys=True)
    if line not in _noted:
        _noted.add(line)
        with (Path(os.environ[FOLDER]) / f"{os.getpid()}.jsonl").open("a") as file:
            file.write(line + "\n")


def _asker(frame: FrameType | None) -> str:
    """ "portal", or "operator" for ``ensure_infrastructure``; empty for a test that asks AWS itself."""
    asker = ""
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(_TESTS) and not asker:
            return ""
        if path.startswith(_PORTAL) and not path.startswith(_ROOM):
            asker = "portal"
            if (path, frame.f_code.co_name) == (f"{_PORTAL}instances/infrastructure.py", "ensure"):
                return "operator"
        frame = frame.f_back
    return asker
