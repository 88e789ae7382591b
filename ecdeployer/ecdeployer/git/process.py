"""Running git: no configuration but ours, no question to anybody, bounds on time and bytes."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_KEEP = (
    "PATH",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTPS_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "GIT_SSL_CAINFO",
)
_LOG_BYTES = 8000
#: Of address space. git maps packs into memory, and a project's own needs a fraction of it.
_MEMORY_BYTES = 4 * 2**30

_CONFIGURATION = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.askPass": "",
    "credential.helper": "",
    "fetch.recurseSubmodules": "false",
    "submodule.recurse": "false",
    "gc.auto": "0",
    # A redirect can lead to an address that nobody has checked.
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "20",
    "advice.detachedHead": "false",
}


class GitTimeoutError(Exception):
    """git was ended at its time limit."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    code: int
    output: str
    log: str


def run(
    arguments: Iterable[str],
    *,
    seconds: float,
    file_bytes: int,
    directory: Path | None = None,
    protocol: str = "",
    configuration: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> Outcome:
    """Run git with these arguments; ``protocol`` is the only one that it may speak, empty for none.

    It writes no file of more than ``file_bytes``, and prints no more: what it prints goes to a file, since it
    is the other side that says how much it is. Raises GitTimeoutError; what it started is ended with it.
    """
    command = ["prlimit", f"--fsize={file_bytes}", f"--as={_MEMORY_BYTES}", "--core=0", "--", "git"]
    for name, value in {**_CONFIGURATION, **(configuration or {})}.items():
        command += ["-c", f"{name}={value}"]
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=log,
            env={**_environment(protocol), **(variables or {})},
            cwd=directory,
            start_new_session=True,
        )
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            raise GitTimeoutError from error
        finally:
            _end(process)
        return Outcome(code=process.returncode, output=_text(output), log=_text(log, last=_LOG_BYTES))


def _text(file: IO[bytes], *, last: int = 0) -> str:
    """All of it, or its last bytes."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - last) if last else 0)
    return file.read().decode(errors="replace")


def _environment(protocol: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEEP if name in os.environ}
    return kept | {
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/false",
        "GIT_ALLOW_PROTOCOL": protocol or "none",
        "GIT_LFS_SKIP_SMUDGE": "1",
    }


def _end(process: subprocess.Popen[bytes]) -> None:
    """git's transport runs in processes of its own, in the same group: they outlive a git that was killed."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
