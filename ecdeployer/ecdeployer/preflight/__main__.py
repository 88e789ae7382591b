"""Reads one repository in a process of its own: ``python -m ecdeployer.preflight``, JSON in and out.

The portal starts it with limits (``sandbox``): what a repository does to the reader ends with the reader.
"""

import json
import sys
from pathlib import Path

from . import reading
from .facts import ReadOptions


def main() -> None:
    asked = json.load(sys.stdin)
    report = reading.read(
        Path(asked["tree"]),
        project_name=asked["project_name"],
        environment=frozenset(asked["environment"]),
        settings_module=asked["settings_module"],
        options=ReadOptions(**asked["options"]),
    )
    json.dump(report.to_dict(), sys.stdout)


if __name__ == "__main__":
    main()
