"""A small forge: bare repositories that tell of every push as GitHub does, by a hook that git runs."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.machine_projects import Files

HOOK = Path(__file__).with_name("post_receive.py")


@dataclass(frozen=True)
class Delivery:
    """What the forge sent, and how it was answered."""

    identifier: str
    payload: dict[str, Any]
    status: int
    answer: str


class Forge:
    """One repository, and somebody's clone of it. ``served`` is the folder that a git server serves."""

    def __init__(self, name: str, *, served: Path, clones: Path) -> None:
        self.name, self.bare, self.work = name, served / name, clones / name
        # The hook's git has to be the pusher's alone, whatever the account's own settings are.
        self.environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
        self._run("init", "--quiet", "--bare", "--initial-branch=main", str(self.bare))
        self._run("-C", str(self.bare), "config", "receive.denyDeleteCurrent", "ignore")
        self._run("-C", str(self.bare), "config", "receive.unpackLimit", "1")
        hook = self.bare / "hooks" / "post-receive"
        hook.write_text(f"#!/bin/sh\nexec {sys.executable} {HOOK}\n")
        hook.chmod(0o755)
        self._run("clone", "--quiet", str(self.bare), str(self.work))
        self.git("checkout", "--quiet", "-B", "main")

    def tell(self, url: str, secret: str, *, pusher: str = "ada") -> None:
        """Where pushes are told to from now on, as one enters it on GitHub's page."""
        settings = {"url": url, "secret": secret, "repository": self.name, "pusher": pusher}
        (self.bare / "hook.json").write_text(json.dumps(settings))

    def be_silent(self) -> None:
        """As a forge whose deliveries are lost."""
        (self.bare / "hook.json").unlink()

    def git(self, *arguments: str, text: bytes | None = None, **environment: str) -> str:
        return self._run("-C", str(self.work), *arguments, text=text, **environment)

    def _run(self, *arguments: str, text: bytes | None = None, **environment: str) -> str:
        person = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com"}
        person |= {"GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.com"}
        done = subprocess.run(
            ["git", *arguments],
            input=text,
            env={**self.environment, **person, **environment},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout.decode(errors="replace").strip()

    def commit(self, files: Files, message: str = "Change", *, author: str = "Ada") -> str:
        """All of the project as these files have it, on the branch that is checked out; the commit.

        The message is kept as it is, to the byte; an author's name loses what git takes out of it.
        """
        for path in self.work.iterdir():
            if path.name != ".git":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for name, content in files.items():
            target = self.work / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "--all", "--force")
        return self.empty(message, author=author)

    def empty(self, message: str, *, author: str = "Ada") -> str:
        """A commit of what is staged, though that be nothing; ``message`` as ``os.fsdecode`` gives bytes."""
        given = ["--quiet", "--allow-empty", "--allow-empty-message", "--cleanup=verbatim", "--file=-"]
        self.git("commit", *given, text=os.fsencode(message), GIT_AUTHOR_NAME=author)
        return self.git("rev-parse", "HEAD")

    def push(self, *refs: str) -> list[Delivery]:
        """Push these, or main; what the hook sent of it, in the order in which it did."""
        before = len(self.deliveries())
        self.git("push", "--quiet", "origin", *(refs or ("HEAD:refs/heads/main",)))
        return self.deliveries()[before:]

    def deliveries(self) -> list[Delivery]:
        kept = sorted((self.bare / "deliveries").glob("*.json"))
        return [Delivery(**json.loads(path.read_text())) for path in kept]

    def hook(self) -> dict[str, str]:
        settings: dict[str, str] = json.loads((self.bare / "hook.json").read_text())
        return settings
