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
    if not bare.exists():
        _git(account, "init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    here = ("--git-dir", str(bare), "--work-tree", str(tree))
    branch = "refs/heads/main"
    _git(account, *here, "add", "--all")
    written = _git(account, *here, "write-tree")
    newest = _git(account, *here, "for-each-ref", "--format=%(objectname)", branch)
    if newest and _git(account, *here, "rev-parse", f"{newest}^{{tree}}") == written:
        return
    parents = ["-p", newest] if newest else []
    commit = _git(account, *here, "commit-tree", written, *parents, "-m", f"The sample {tree.name}")
    _git(account, *here, "update-ref", branch, commit)


def _git(account: Account, *arguments: str) -> str:
    done = subprocess.run(
        account.command(["git", "-c", "safe.directory=*", *arguments]),
        env={"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", **_IDENTITY},
        cwd="/",
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout.strip()
