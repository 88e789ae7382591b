"""Looking at what goes on until it has ended: deployments, their logs, and commands."""

from collections.abc import Iterator
from contextlib import nullcontext
from time import sleep
from typing import Any

from rich.live import Live

from . import terminal
from .failures import Failure, InterruptedFailure
from .portal import Portal, Record
from .progress import Progress

LAST_LINES = 25


def read_progress(portal: Portal, deployment: str) -> Progress:
    """The steps are asked for first: they are never newer than an end that is seen."""
    steps = portal.get(f"/deployments/{deployment}/steps")["steps"]
    return Progress(deployment=portal.get(f"/deployments/{deployment}"), steps=steps)


def _looks(portal: Portal, deployment: str) -> Iterator[Progress]:
    """One each second, the last one after the end."""
    while True:
        progress = read_progress(portal, deployment)
        if progress.is_final:
            yield read_progress(portal, deployment)
            return
        yield progress
        sleep(1)


def follow_deployment(portal: Portal, deployment: str, *, as_json: bool) -> Progress:
    """Show its progress until its end: the bar on a terminal, lines elsewhere, or objects."""
    shown: Progress | None = None
    console = terminal.beside()
    drawn = console.is_terminal and not as_json
    try:
        with Live(console=console, auto_refresh=False) if drawn else nullcontext() as live:
            for progress in _looks(portal, deployment):
                if live is not None:
                    live.update(progress, refresh=True)
                elif not as_json:
                    for line in progress.changes(shown):
                        terminal.tell(line)
                elif shown is None or progress != shown:
                    terminal.say_json(_as_object(progress))
                shown = progress
    except KeyboardInterrupt as error:
        raise InterruptedFailure(
            "The deployment goes on. Follow it with: ecdeploy logs --follow; stop it with: ecdeploy cancel"
        ) from error
    return progress


def _as_object(progress: Progress) -> dict[str, Any]:
    return {"deployment": progress.deployment, "steps": progress.steps}


def refuse_a_bad_end(portal: Portal, progress: Progress) -> None:
    """Raises Failure where the deployment failed or was cancelled, with all that is known of why."""
    deployment = progress.deployment
    if deployment["state"] not in ("failed", "cancelled"):
        return
    said = [
        f"Deployment {deployment['number']}: {progress.heading}",
        deployment["reason"],
        deployment["remedy"],
    ]
    step = progress.failed
    if step and step["log_length"]:
        lines = read_tail(portal, deployment["id"], step).rstrip().splitlines()[-LAST_LINES:]
        said += ["", "The end of its log:", *(f"  {line}" for line in lines)]
    raise Failure("\n".join(part for part in said if part is not None).strip())


def read_tail(portal: Portal, deployment: str, step: Record) -> str:
    offset = max(step["log_length"] - 8192, 0)
    return str(portal.get(f"/deployments/{deployment}/steps/{step['name']}/log", offset=offset)["text"])


def print_logs(portal: Portal, deployment: str, *, only: str | None, follow: bool, as_json: bool) -> Progress:
    """Every step's log to stdout, in order; while it runs, what comes."""
    offsets: dict[str, int] = {}
    last = None
    for progress in _looks(portal, deployment) if follow else [read_progress(portal, deployment)]:
        for step in progress.steps:
            if only not in (None, step["name"]) or step["log_length"] == offsets.get(step["name"], 0):
                continue
            if not as_json and only is None and last != step["name"]:
                terminal.say(f"== {terminal.line(step['label'])}")
            last = step["name"]
            for part in _parts(portal, f"/deployments/{deployment}/steps/{last}/log", offsets.get(last, 0)):
                _print(part, as_json=as_json, step=last)
                offsets[last] = part["next"]
    return progress


def _print(part: Record, *, as_json: bool, **named: str) -> None:
    if as_json and part["text"]:
        terminal.say_json({**named, "offset": part["offset"], "text": part["text"]})
    elif not as_json:
        terminal.stream(part["text"])


def _parts(portal: Portal, path: str, offset: int) -> Iterator[Record]:
    """What there is from the offset on, part by part."""
    while True:
        part = portal.get(path, offset=offset)
        yield part
        if part["complete"] or not part["text"]:
            return
        offset = part["next"]


def follow_command(portal: Portal, command: str, *, as_json: bool) -> Record:
    """Print what it prints until it has ended; the command as it is then."""
    return _follow(portal, f"/commands/{command}", "output", as_json=as_json)


def follow_reading(portal: Portal, reading: str, *, as_json: bool) -> Record:
    """Print a log of the machine until it was read, or followed for long enough."""
    return _follow(portal, f"/logs/{reading}", "lines", as_json=as_json)


def _follow(portal: Portal, path: str, part_of: str, *, as_json: bool) -> Record:
    offset = 0
    while True:
        part = portal.get(f"{path}/{part_of}", offset=offset)
        _print(part, as_json=as_json)
        offset = part["next"]
        if part["complete"]:
            return portal.get(path)
        if not part["text"]:
            sleep(1)
