"""Load the project as `manage.py check` does, and tell the migrations that it would apply.

ecdeployer_plan.py DESCRIPTOR ARGUMENT...: the arguments are manage.py's; the plan goes to the descriptor as
JSON. No error of the plan ends a deployment.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
from typing import Any

#: Seconds. A plan that takes longer goes untold.
PATIENCE = 60


def main(descriptor: str, *arguments: str) -> None:
    manage = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ecdeployer_manage.py")
    sys.argv = [manage, *arguments]
    try:
        runpy.run_path(manage, run_name="__main__")
    except SystemExit as end:
        if end.code:
            raise
    document = read()
    with open(int(descriptor), "w", encoding="utf-8") as file:
        json.dump(document, file)


def read() -> dict[str, Any]:
    """``migrations``, and in ``unread`` why they could not be read; empty where they could."""
    os.environ.setdefault("PGCONNECT_TIMEOUT", "10")
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(PATIENCE)
    try:
        from ecdeployer_migrations import pending  # type: ignore[import-not-found]

        return {"migrations": list(pending()), "unread": ""}
    except (Exception, SystemExit) as error:  # noqa: BLE001 - migrations are code of the project
        return {"migrations": [], "unread": f"{type(error).__name__}: {error}"[:300]}
    finally:
        signal.alarm(0)


def give_up(*_: Any) -> None:
    raise TimeoutError(f"it took longer than {PATIENCE} seconds")


if __name__ == "__main__":
    main(*sys.argv[1:])
