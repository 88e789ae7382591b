"""Bare repositories of this project's samples, for the demo to serve."""

import os
import subprocess
from pathlib import Path

from scripts.stack.programs import Account

_IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "EC Django Deployer"), ("EMAIL", "samples@localhost"))
}


def publish(samples: Path, folder: Path, account: Account) -> list[str]:
    """One repository for each sample, with a commit when its files have changed; their names."""
    names = sorted(path.name for path in samples.iterdir() if path.is_dir())
    for name in names:
        _publish(samples / name, folder / name, account)
    return names


def _publish(tree: Path, bare: Path, account: Account) -> None:
    def git(*arguments: str) -> str:
        command = [
            "git",
            "--git-dir",
            str(bare),
            "--work-tree",
            str(tree),
            "-c",
            "safe.directory=*",
            *arguments,
        ]
        done = subprocess.run(
            account.command(command), env=environment, check=True, capture_output=True, text=True, cwd="/"
        )
        return done.stdout.strip()

    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", **_IDENTITY}
    if not bare.exists():
        git("-c", "init.defaultBranch=main", "init", "--quiet", "--bare")
    git("add", "--all")
    written = git("write-tree")
    branch = "refs/heads/main"
    newest = git("for-each-ref", "--format=%(objectname)", branch)
    if newest and git("rev-parse", f"{newest}^{{tree}}") == written:
        return
    parents = ["-p", newest] if newest else []
    git("update-ref", branch, git("commit-tree", written, *parents, "-m", f"The sample {tree.name}"))
