"""The CodeDeploy agent's part on a machine: agent.py COMMAND, with the deployment as JSON on stdin.

It keeps the agent's folders, order and environment, and runs on the machine's own Python, with boto3 for S3:
https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html. Unlike
the agent it asks nobody for work: scripts/delivery/codedeploy.py sends each command. It knows no permissions
section, no ``runas`` but root, and of archives zip alone.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import boto3

AGENT = Path("/opt/codedeploy-agent")
ROOT = AGENT / "deployment-root"
INSTRUCTIONS = ROOT / "deployment-instructions"
#: Of the revision that was deployed before: the new one is not there yet.
BEFORE = {"BeforeBlockTraffic", "AfterBlockTraffic", "ApplicationStop"}
KEPT_ARCHIVES = 5
SHOWN = 2048
TOLD = ("APPLICATION_NAME", "DEPLOYMENT_ID", "DEPLOYMENT_GROUP_NAME", "DEPLOYMENT_GROUP_ID")


class Deployment:
    """One revision on this machine. ``appspec`` is its appspec.yml, read."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.told = told
        self.group = ROOT / told["DEPLOYMENT_GROUP_ID"]
        self.folder = self.group / told["DEPLOYMENT_ID"]
        self.last = INSTRUCTIONS / f"{self.group.name}_last_successful_install"
        self.cleanup = INSTRUCTIONS / f"{self.group.name}-cleanup"

    def download(self) -> None:
        """The bundle from S3, with the run bits that the archive holds."""
        archive, bundle = self.folder / "deployment-archive", self.folder / "bundle.zip"
        shutil.rmtree(archive, ignore_errors=True)
        s3 = boto3.client("s3", region_name=self.told["region"], endpoint_url=self.told["endpoint"])
        s3.download_file(self.told["bucket"], self.told["key"], str(bundle))
        with zipfile.ZipFile(bundle) as file:
            for member in file.infolist():
                path = Path(file.extract(member, archive))
                path.chmod((member.external_attr >> 16) & 0o777 or 0o644)
        bundle.unlink()
        (self.folder / "appspec.json").write_text(json.dumps(self.told["appspec"]))
        self._prune()

    def _prune(self) -> None:
        """The newest stay, and the one whose scripts the next deployment runs first."""
        kept = {str(self.folder), read(self.last)}
        others = sorted(self.group.iterdir(), key=lambda path: path.stat().st_mtime)
        for folder in [each for each in others if str(each) not in kept][: -(KEPT_ARCHIVES - 1)]:
            shutil.rmtree(folder)

    def install(self) -> None:
        """What the last revision had put there goes, and this one's files come."""
        for path in map(Path, reversed(read(self.cleanup).splitlines())):
            if path.is_symlink() or path.is_file():
                path.unlink()
            elif path.is_dir() and not any(path.iterdir()):
                path.rmdir()
        made: list[str] = []
        for each in self.told["appspec"].get("files", []):
            source = self.folder / "deployment-archive" / each["source"].lstrip("/")
            copy(source, Path(each["destination"]), made)
        self.cleanup.write_text("\n".join(made))
        self.last.write_text(str(self.folder))

    def run_hooks(self, event: str) -> None:
        """Those of the revision that this event belongs to; nothing on a machine that has had none."""
        folder, appspec = self.folder, self.told["appspec"]
        if event in BEFORE:
            folder = Path(read(self.last))
            appspec = json.loads(read(folder / "appspec.json") or "{}")
        for hook in appspec.get("hooks", {}).get(event, []):
            run(hook, event=event, folder=folder, told=self.told)


def copy(source: Path, destination: Path, made: list[str]) -> None:
    """As ``file_exists_behavior: OVERWRITE`` has it."""
    for path in [source, *sorted(source.rglob("*"))]:
        target = destination / path.relative_to(source)
        if not path.is_dir():
            shutil.copy2(path, target)
        elif target.is_dir():
            continue
        else:
            target.mkdir(parents=True)
        made.append(str(target))


def run(hook: dict[str, Any], *, event: str, folder: Path, told: dict[str, Any]) -> None:
    """To its end or its time limit, with its process group. Its output goes to the deployment's log."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment = {**kept, **{name: told[name] for name in TOLD}, "LIFECYCLE_EVENT": event}
    location, seconds = hook["location"], int(hook.get("timeout", 3600))
    log = folder / "logs" / "scripts.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("ab") as file:
        file.write(f"{time.strftime('%F %T')} LifecycleEvent - {event}\nScript - {location}\n".encode())
        file.flush()
        begin = file.tell()
        process = subprocess.Popen(
            [folder / "deployment-archive" / location], env=environment, cwd=AGENT,
            stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True,
        )  # fmt: skip
        how = wait(process, seconds)
    print(log.read_bytes()[begin:].decode(errors="replace")[-SHOWN:])
    if how:
        sys.exit(f"Script at specified location: {location} {how}")


def wait(process: "subprocess.Popen[bytes]", seconds: int) -> str:
    """How it failed, in the agent's words; empty when it did not."""
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        return f"failed to complete in {seconds} seconds"
    return f"failed with exit code {code}" if code else ""


def read(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


def main(command: str) -> None:
    deployment = Deployment(json.load(sys.stdin))
    for folder in (deployment.folder, INSTRUCTIONS):
        folder.mkdir(parents=True, exist_ok=True)
    if command == "DownloadBundle":
        deployment.download()
    elif command == "Install":
        deployment.install()
    else:
        deployment.run_hooks(command)


if __name__ == "__main__":
    main(sys.argv[1])
