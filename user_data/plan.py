"""The plan of migrations as the release's process told it: read strictly, told in the log, and held to what
was confirmed.

plan.py settle STATE prints the number of migrations that are ahead, and fails, with the reason in
STATE/reason.json, where they wait for somebody to confirm them.
"""

import hashlib
import json
import sys
from typing import Any

KINDS = ("drop", "rename", "lock", "irreversible", "not-null", "opaque")
#: What somebody may want to see before it happens.
WAITING = ("drop", "rename", "lock")
LIMIT = 4_000_000
MIGRATIONS, OPERATIONS, FLAGS, TEXT = 500, 50, 50, 300
#: Characters of all operations and flags together: a report with the plan in it must arrive.
BUDGET = 40_000


def read(state: str) -> list[dict[str, Any]] | None:
    """The plan, bounded and of one shape; None while there is none."""
    try:
        with open(f"{state}/plan.json", encoding="utf-8", errors="replace") as file:
            document = json.loads(file.read(LIMIT))
        if document["unread"]:
            return [unread(str(document["unread"]))]
        return bounded(document["migrations"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        return [unread(f"{type(error).__name__}: {error}")]


def unread(why: str) -> dict[str, Any]:
    """What stands in the place of migrations that are not known."""
    flag = {"kind": "opaque", "text": f"The plan could not be read: {why}"[:TEXT]}
    return {"app": "", "name": "", "operations": [], "flags": [flag], "reversible": False}


def bounded(migrations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every migration by name; flags before operations, as far as there is room."""
    found: list[dict[str, Any]] = [
        {
            "app": named(item["app"], 100),
            "name": named(item["name"], 255),
            "operations": [],
            "flags": [flag(each) for each in item["flags"][:FLAGS]],
            "reversible": item["reversible"] is True,
        }
        for item in migrations[:MIGRATIONS]
    ]
    room = BUDGET
    for migration in found:
        migration["flags"] = migration["flags"][: max(room // TEXT, 1)]
        room -= sum(len(each["text"]) for each in migration["flags"])
    for migration, item in zip(found, migrations, strict=False):
        texts = [str(each)[:TEXT] for each in item["operations"][:OPERATIONS]]
        room -= sum(map(len, texts))
        migration["operations"] = texts if room > 0 else []
    return found


def named(text: str, length: int) -> str:
    if not (isinstance(text, str) and 0 < len(text) <= length and text.isprintable()):
        raise ValueError(f"no name of a migration: {text!r:.80}")
    return text


def flag(item: dict[str, Any]) -> dict[str, str]:
    if item["kind"] not in KINDS:
        raise ValueError("no kind of flag")
    return {"kind": item["kind"], "text": str(item["text"])[:TEXT]}


def digest(plan: list[dict[str, Any]]) -> str:
    """SHA-256 of what would be applied, by name: the same on the machine and in the portal."""
    names = [[migration["app"], migration["name"]] for migration in plan]
    return hashlib.sha256(json.dumps(names, separators=(",", ":")).encode()).hexdigest()


def settle(state: str) -> int:
    plan = read(state) or []
    with open(f"{state}/deployment.json", encoding="utf-8") as file:
        parameters = json.load(file)
    for migration in plan:
        print(f"{migration['app']}.{migration['name']}".strip(".") or "Migrations", file=sys.stderr)
        for each in migration["flags"]:
            print(f"  {each['kind']}: {each['text']}", file=sys.stderr)
    waiting = [each["text"] for migration in plan for each in migration["flags"] if each["kind"] in WAITING]
    if parameters["confirm_migrations"] and waiting and parameters["confirmed_plan"] != digest(plan):
        reason = "The migrations wait for a confirmation: " + " ".join(waiting)
        with open(f"{state}/reason.json", "w", encoding="utf-8") as file:
            json.dump({"code": "migrations-unconfirmed", "reason": reason[:1000]}, file)
        sys.exit(reason)
    return len(plan)


if __name__ == "__main__":
    print(settle(sys.argv[2]))
