"""Print a deployment's fields for deploy.sh: name and value in turn, each ended by a NUL.

The names of root's own paths are made of two of them, so those are checked here again.
"""

import json
import re
import sys

PLAIN = (
    "repository",
    "known_hosts",
    "commit",
    "branch",
    "python",
    "project_directory",
    "health_path",
    "database",
    "nginx",
    "supervisor",
    "programs",
    "release_command",
    "report_url",
)
PLAN = ("requirement_sources", "services", "database", "interface", "python")
CHECKED = {"deployment": r"[0-9a-f-]{36}", "release": r"\d{6,9}", "rollback_to": r"(\d{6,9})?"}


def main(path: str) -> None:
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    for name, pattern in CHECKED.items():
        if not re.fullmatch(pattern, document[name], re.ASCII):
            sys.exit(f"{path}: {name} is not what a portal sends")
    values = {name: document[name] for name in (*CHECKED, *PLAIN)}
    values["services"] = " ".join(document["services"])
    values["plan"] = json.dumps({name: document[name] for name in PLAN})
    sys.stdout.write("".join(f"{name}\0{value}\0" for name, value in values.items()))


if __name__ == "__main__":
    main(sys.argv[1])
