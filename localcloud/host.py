"""Run a program of the host and read its answer."""

import subprocess
from os import PathLike


class CommandError(RuntimeError):
    """A program of the host failed; the text holds the command and what it said."""


def run(*arguments: str | PathLike[str], text: str = "", seconds: float = 60) -> str:
    """Standard output of a program that was given `text`; CommandError when it fails or takes too long."""
    command = [str(argument) for argument in arguments]
    try:
        done = subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandError(f"{' '.join(command)}: {error}") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise CommandError(f"{' '.join(command)} ended with {done.returncode}: {said}")
    return done.stdout
