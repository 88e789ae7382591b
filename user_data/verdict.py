"""Write the result of a deployment that failed: verdict.py STATE LOGS.

The reason is what a part wrote to STATE/reason.json, or the last words of the failed step's log.
"""

import itertools
import json
import os
import re
import sys

from user_data.check import last_exception, tail_of

ORDER = ["boot", "clone", "venv", "install", "configure", "collectstatic", "migrate", "start", "health"]
#: How uv introduces a reason; older ones drew arrows.
CAUSE = r"(?:cause:|\u00d7|\u251c\u2500\u25b6|\u2570\u2500\u25b6)"
#: What deploy.sh says before it runs that line.
RELEASE = "Procfile, release: "
#: How backup.py ends when it fails.
UNCOPIED = "The database could not be copied aside"
NOISE = re.compile(r"^(hint|note|warning|info|\[?notice)\b|^Trying again|^\s*$", re.IGNORECASE)

#: How Python, and the clients of services that want a key when they are imported, name a variable.
VARIABLES = (
    r"^KeyError: '([A-Z][A-Z0-9_]+)'",
    r"\b([A-Z][A-Z0-9]*_[A-Z0-9_]+) environment variable",
    r"environment variable[: ]+['\"`]?([A-Z][A-Z0-9]*_[A-Z0-9_]+)",
)


#: What ssh says when a deploy key does not open the repository. The portal's git/errors.py has these codes.
REFUSED = (
    (
        "host-key-changed",
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|REVOKED HOST KEY",
        "The repository's host shows another host key than the one that the portal has pinned.",
    ),
    (
        "host-key-unknown",
        r"Host key verification failed|host key is known for",
        "The portal has no host key of the repository's host pinned.",
    ),
    (
        "deploy-key-refused",
        r"Permission denied \(|Too many authentication failures",
        "The repository's host does not accept the application's deploy key.",
    ),
    ("ssh-missing", r"cannot run ssh|ssh: (command )?not found", "The golden image has no ssh program."),
)


def failed_step(state: str) -> str:
    """The first in order of those that failed; both of two that ran side by side may have."""
    try:
        with open(f"{state}/failed", encoding="ascii") as file:
            return min(file.read().split(), key=ORDER.index)
    except (OSError, ValueError):
        return "boot"


def given_reason(state: str) -> tuple[str, str] | None:
    try:
        with open(f"{state}/reason.json", encoding="utf-8") as file:
            document = json.load(file)
        return document["code"], document["reason"]
    except (OSError, ValueError, KeyError):
        return None


def from_log(step: str, log: str) -> tuple[str, str]:
    """Code and reason from the last words of a log."""
    if step == "install":
        return "install-failed", installer_words(log)
    if step == "clone":
        for code, pattern, reason in REFUSED:
            if re.search(pattern, log):
                return code, reason
        lines = [line for line in log.splitlines() if line.startswith(("fatal:", "error:", "remote:"))]
        return "clone-failed", (lines or [last_line(log)])[-1]
    if step == "migrate" and (found := migrate_words(log)):
        return found
    if step == "venv":
        return "python-unavailable", python_words(log)
    cause = last_exception(log)
    variable = next(filter(None, (re.search(pattern, cause) for pattern in VARIABLES)), None)
    if variable:
        place = re.search(r" \([^()]+, line \d+\)$", cause)
        where = place[0] if place else ""
        text = f"The project needs the environment variable {variable[1]}, which is not set{where}."
        return "environment-variable-missing", text
    return f"{step}-failed", cause or command_error(log) or last_line(log)


def migrate_words(log: str) -> tuple[str, str] | None:
    """Where it was not Django's own migrate that failed."""
    if last_line(log).startswith(UNCOPIED):
        return "copy-failed", last_line(log)
    if RELEASE not in log:
        return None
    said = log.rpartition(RELEASE)[2].partition("\n")[2]
    return "release-failed", f"The Procfile's release line fails: {last_exception(said) or last_line(said)}"


def python_words(log: str) -> str:
    """What was asked for, and why uv could not fetch it."""
    asked = re.search(r"^The project asks for Python (.+)$", log, re.MULTILINE)
    cause = re.search(r"^ *cause: (.+)$", log, re.MULTILINE) or re.search(r"^error: (.+)$", log, re.MULTILINE)
    return (
        f"The project asks for Python {asked[1] if asked else ''}, which the machine does not have, "
        f"and it could not be fetched: {cause[1] if cause else last_line(log)}"
    )


def installer_words(log: str) -> str:
    """uv's explanation of its last attempt that has one, or pip's last errors, in one paragraph."""
    for attempt in reversed(re.split(r"^Trying again.*$", log, flags=re.MULTILINE)):
        found = re.findall(rf"^(?:error:| *{CAUSE}) (.*(?:\n {{9,}}\S.*)*)", attempt, re.MULTILINE)
        if re.search(rf"^ *{CAUSE}", attempt, re.MULTILINE) and "subprocess-exited" not in attempt:
            detail = build_output(attempt)
            return " ".join(f"{found[0]}: {detail or '; '.join(found[1:])}".split())
    errors = [
        line for line in log.splitlines() if line.startswith(("ERROR:", "error:")) and "Ignored" not in line
    ]
    return errors[-1] if errors else last_line(log)


def build_output(attempt: str) -> str:
    """The last thing that a package's own build said, below uv's explanation."""
    _, found, text = attempt.partition("[stderr]\n")
    if not found:
        _, found, text = attempt.partition("[stdout]\n")
    inside = itertools.takewhile(lambda line: not line or line.startswith(" "), text.splitlines())
    said = [line.strip() for line in inside if line.strip()]
    return said[-1] if said else ""


def command_error(log: str) -> str:
    named = [line for line in log.splitlines() if re.match(r"\S+: \(\S+\.E\d+\)", line)]
    other = [line for line in log.splitlines() if re.match(r"CommandError|SystemCheckError", line)]
    return " ".join((named or other)[:2])


def last_line(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if not NOISE.match(line)]
    return lines[-1] if lines else "It ended without a word."


def decide(state: str, logs: str) -> dict[str, str]:
    step = failed_step(state)
    if os.path.exists(f"{state}/cancelled"):
        return {"state": "failed", "step": step, "reason": "It was cancelled.", "code": "cancelled"}
    code, reason = given_reason(state) or from_log(step, tail_of(f"{logs}/{step}.log"))
    return {"state": "failed", "step": step, "reason": reason[:1000] + told_copies(state, step), "code": code}


def told_copies(state: str, step: str) -> str:
    """Where SQLite's database lies as it was before a migration failed."""
    try:
        with open(f"{state}/copies", encoding="utf-8") as file:
            copies = file.read().split()
    except OSError:
        return ""
    if step != "migrate" or not copies:
        return ""
    text = " It was not put back, since the site goes on writing: the database as it was before lies in "
    return (text + ", ".join(copies))[:900]


def main(state: str, logs: str) -> None:
    fresh = f"{state}/result.new"
    with open(fresh, "w", encoding="utf-8") as file:
        json.dump(decide(state, logs), file)
        file.write("\n")
    os.rename(fresh, f"{state}/result.json")


if __name__ == "__main__":
    main(*sys.argv[1:])
