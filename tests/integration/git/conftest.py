import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ecdeployer.git.repository import RepositoryURL, parse_url

from .served import ROOT, Publish, git


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "served"
    made.mkdir()
    return made


@pytest.fixture
def server(folder: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        number, port = listening.fileno(), listening.getsockname()[1]
        command = [sys.executable, "-m", "gunicorn", "--bind", f"fd://{number}", "--threads", "4"]
        application = f"scripts.stack.git_server:application({str(folder)!r})"
        with subprocess.Popen([*command, application], pass_fds=[number], cwd=ROOT) as served:
            yield f"http://127.0.0.1:{port}"
            served.terminate()


@pytest.fixture
def publish(folder: Path, tmp_path: Path, server: str) -> Publish:
    """A bare repository of these files, served."""

    def make(files: dict[str, str], *, commit: bool = True) -> RepositoryURL:
        work = tmp_path / "work"
        work.mkdir()
        git(work, "init", "--quiet")
        for path, text in files.items():
            target = work / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        if commit:
            git(work, "add", "--all")
            git(work, "commit", "--quiet", "--message", "The subject\n\nA body.")
        git(tmp_path, "clone", "--quiet", "--bare", str(work), str(folder / "project"))
        return parse_url(f"{server}/project", allowed_hosts=[server])

    return make
