"""Starts the reader in a bounded child: a hostile repository costs a few seconds, and no more."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .reading import ReadOptions, Report

#: Measured: a project of 4,000 files is read in under 2 s and 120 MB.
SECONDS = 30
_LIMITS = {
    "--cpu": 20,
    "--as": 2 * 2**30,
    "--fsize": 0,
    "--nofile": 128,
    "--core": 0,
}
_OUTPUT_BYTES = 4 * 2**20
_ROOT = Path(__file__).parents[2]


class ReadingError(Exception):
    """The reader ended without a report: it met a limit, or a defect. The text is for the operator."""


def read_in_child(
    tree: Path,
    *,
    project_name: str,
    environment: Collection[str],
    options: ReadOptions,
    settings_module: str = "",
) -> Report:
    """As ``reading.read``, in a process with limits on time, memory and files. Raises ReadingError."""
    asked = {
        "tree": str(tree),
        "project_name": project_name,
        "environment": sorted(environment),
        "settings_module": settings_module,
        "options": asdict(options),
    }
    output = _run(json.dumps(asked).encode())
    try:
        return Report.from_dict(_storable(json.loads(output)))
    except (ValueError, TypeError, KeyError) as error:
        raise ReadingError(f"the reader's answer is no report: {error!r}") from error


def _storable(value: Any) -> Any:
    """Without NUL and lone surrogates, which a source file may spell and PostgreSQL takes in no text."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {name: _storable(item) for name, item in value.items()}
    return value


def _run(asked: bytes) -> bytes:
    limits = [f"{name}={value}" for name, value in _LIMITS.items()]
    with subprocess.Popen(
        ["prlimit", *limits, "--", sys.executable, "-P", "-m", "ecdeployer.preflight"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "PYTHONPATH": str(_ROOT), "LC_ALL": "C.UTF-8"},
        start_new_session=True,
    ) as child:
        try:
            output, words = child.communicate(asked, timeout=SECONDS)
        except subprocess.TimeoutExpired as error:
            raise ReadingError(f"the reader took more than {SECONDS} s") from error
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
    if child.returncode or len(output) > _OUTPUT_BYTES:
        last = words.decode(errors="replace").strip().splitlines()[-1:]
        raise ReadingError(f"the reader ended with {child.returncode}: {' '.join(last)[:300]}")
    return output
