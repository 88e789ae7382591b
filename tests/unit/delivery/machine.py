"""A folder in place of a portal machine's /, with the real hooks, whose paths lead into it."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[3]
COMMIT = "c" * 40
MACHINE = {"region": "eu-west-1", "settings_parameter_path": "/ecdeployer/portal"}
_ABSOLUTE = re.compile(r"(?<![\w/.$}])/(?=(?:srv|etc|opt|var|usr/local)/)")
#: Programs that the hooks call, as they are on a machine that is well; the others are the host's own.
STUBS = {
    "nginx": "",
    "supervisord": "",
    "cloud-init": "",
    "supervisorctl": "",
    "df": "echo Avail; echo 5000",
    "curl": "exit 22",
}
_NOTE = 'echo "$(basename "$0") $*" >>{log}\n'


@dataclass
class Machine:
    """``root`` is its /."""

    root: Path

    @property
    def archive(self) -> Path:
        """Where CodeDeploy's agent unpacks the bundle, and runs the hooks."""
        return self.root / "opt/codedeploy-agent/archive"

    @property
    def bundle(self) -> Path:
        return self.root / "srv/ecdeployer/bundle"

    @property
    def kept(self) -> Path:
        return self.root / "var/lib/ecdeployer/portal"

    @property
    def scripts(self) -> Path:
        return self.root / "opt/ecdeployer/user_data"

    @property
    def calls(self) -> list[str]:
        """What was called of the stubs, with its arguments."""
        log = self.root / "calls"
        return log.read_text().splitlines() if log.exists() else []

    def make(self) -> None:
        """Of the golden image, and with a bundle that has been downloaded."""
        _write(self.root / "etc/ecdeployer/portal.json", json.dumps(MACHINE))
        for folder in ("etc/tmpfiles.d", "etc/nginx/sites-enabled", "usr/local/bin"):
            (self.root / folder).mkdir(parents=True)
        self.stub("../opt/ecdeployer/venv/bin/uv")
        for name, script in STUBS.items():
            self.stub(name, script)
        self._unpack()

    def _unpack(self) -> None:
        for hook in (REPOSITORY / "scripts/hooks").iterdir():
            text = _ABSOLUTE.sub(f"{self.root}/", hook.read_text())
            _write(self.archive / "scripts/hooks" / hook.name, text)
        for name in ("Procfile", "scripts/portal-manage"):
            _write(self.archive / name, (REPOSITORY / name).read_text())
        code = "ecdeployer/ecdeployer/cloud_init"
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / code, self.archive / code, ignore=ignored)
        told = {"version": "1.0", "commit": COMMIT, "build": "7", "built_at": "2026-01-01T00:00:00+00:00"}
        _write(self.archive / "ecdeployer/release.json", json.dumps(told))
        _write(self.archive / "user_data/deploy.sh", _NOTE.format(log=self.root / "calls"))
        _write(self.archive / "user_data/more/words.py", "WORDS = 1\n")
        self.sum_up()

    def sum_up(self) -> None:
        """As scripts/bundle does."""
        paths = sorted(path for path in self.archive.rglob("*") if path.is_file())
        lines = [
            f"{hashlib.sha256(path.read_bytes()).hexdigest()}  ./{path.relative_to(self.archive)}\n"
            for path in paths
            if path.name != "SHA256SUMS"
        ]
        _write(self.archive / "SHA256SUMS", "".join(lines))

    def install(self) -> None:
        """CodeDeploy's own event, between two hooks."""
        shutil.copytree(self.archive, self.bundle, dirs_exist_ok=True)

    def stub(self, name: str, script: str = "") -> None:
        """A program that notes that it was called."""
        path = self.root / "stubs" / name
        _write(path, f"#!/bin/bash\n{_NOTE.format(log=self.root / 'calls')}{script}\n")
        path.chmod(0o755)

    def serve(self, release: str) -> None:
        """nginx asks this one."""
        link = self.root / "etc/nginx/sites-enabled/ecdeployer.conf"
        link.unlink(missing_ok=True)
        link.symlink_to(f"/etc/ecdeployer/nginx/{release}.conf")

    def run(self, hook: str, *, deployment: str = "d-1") -> subprocess.CompletedProcess[str]:
        """``stdout`` has all that it said."""
        path = f"{self.root / 'stubs'}:{os.environ['PATH']}"
        return subprocess.run(
            ["bash", self.archive / "scripts/hooks" / hook],
            env={"PATH": path, "DEPLOYMENT_ID": deployment, "LIFECYCLE_EVENT": hook},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=60,
        )

    def document(self) -> dict[str, Any]:
        """The newest that was written for deploy.sh."""
        newest = max(self.kept.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        return dict(json.loads(newest.read_text()))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
