"""Repositories of the tests' own, made by git."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from ecdeployer.git.repository import RepositoryURL

ROOT = Path(__file__).parents[3]
Publish = Callable[..., RepositoryURL]


def git(directory: Path, *arguments: str) -> str:
    identity = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return subprocess.run(
        ["git", "-c", "init.defaultBranch=main", *arguments],
        cwd=directory,
        env={**os.environ, **identity, "GIT_CONFIG_GLOBAL": "/dev/null"},
        capture_output=True,
        text=True,
        errors="replace",
        check=True,
    ).stdout.strip()
