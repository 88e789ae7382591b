"""Write a deployment's result: verdict.py succeeded|failed STATE LOGS RELEASE.

The reason is what a part wrote to STATE/reason.json, or the last words of the failed step's log.
"""

import json
import os
import re
import sys

from user_data.check import last_exception, tail_of

ORDER = "boot clone venv install configure collectstatic migrate start health".split()
NOISE = re.compile(r"^(hint|note|warning|info|\[?notice)\b|^Trying again|^\s*$", re.IGNORECASE)


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
        lines = [line for line in log.splitlines() if line.startswith(("fatal:", "error:", "remote:"))]
        return "clone-failed", (lines or [last_line(log)])[-1]
    cause = last_exception(log)
    variable = re.fullmatch(r"KeyError: '([A-Z][A-Z0-9_]+)'( \(.*\))?", cause)
    if variable:
        return (
            "environment-variable-missing",
            f"The settings need the environment variable {variable[1]}, which is not set{variable[2] or ''}.",
        )
    return f"{step}-failed", cause or command_error(log) or last_line(log)


def installer_words(log: str) -> str:
    """uv's explanation, or pip's last errors, in one paragraph."""
    attempt = log.rsplit("Trying again with pip", 1)
    for text in reversed(attempt):
        explained = re.findall(
            r"^ *(?:\u00d7|\u2570\u2500\u25b6|\u251c\u2500\u25b6|\u2502) *(.*(?:\n {6,}\S.*)*)",
            text,
            re.MULTILINE,
        )
        errors = [
            line.strip() for line in text.splitlines() if re.match(r"\s*(ERROR|error|fatal)\b ?:", line)
        ]
        words = explained or errors
        if words:
            detail = [line for line in errors if explained and line.startswith(("error:", "fatal"))][-1:]
            return " ".join(" ".join([*words[-4:], *detail]).split())
    return last_line(log)


def command_error(log: str) -> str:
    lines = [
        line
        for line in log.splitlines()
        if re.match(r"(CommandError|SystemCheckError|ERRORS:|\S+: \(\S+\.E\d+\))", line)
    ]
    return " ".join(lines[:2])


def last_line(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if not NOISE.match(line)]
    return lines[-1] if lines else "It ended without a word."


def decide(outcome: str, state: str, logs: str) -> dict[str, str]:
    if outcome == "succeeded":
        return {"state": "succeeded", "step": "health", "reason": "", "code": ""}
    step = failed_step(state)
    code, reason = given_reason(state) or from_log(step, tail_of(f"{logs}/{step}.log"))
    return {"state": "failed", "step": step, "reason": reason[:1000], "code": code}


def main(outcome: str, state: str, logs: str) -> None:
    fresh = f"{state}/result.new"
    with open(fresh, "w", encoding="utf-8") as file:
        json.dump(decide(outcome, state, logs), file)
        file.write("\n")
    os.rename(fresh, f"{state}/result.json")


if __name__ == "__main__":
    main(*sys.argv[1:4])
