"""Tell the portal how a deployment goes: report.py follow DEPLOYMENT posts, status DEPLOYMENT prints,
stop DEPLOYMENT ends it.

One process, which ends when the portal has the result, when the portal wants no more of it, or when nothing
could be delivered for ten minutes. Nothing waits for it. Where nothing happens it says so, and hears then
whether the deployment was cancelled.
"""

import codecs
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

from user_data import plan

PATIENCE = 600
PAUSE = 0.4
HEARTBEAT = 5
CHUNK = 24_000
PRINTED = 20_000
SHORTEST_SECRET = 8
#: A report without news.
NOTHING: dict[str, Any] = {"events": [], "logs": [], "changes": [], "plan": None, "result": None}


class Deployment:
    """What lies on the disk of one deployment."""

    def __init__(
        self,
        identity: str,
        *,
        state: str = "/var/lib/ecdeployer/deployments",
        logs: str = "/var/log/ecdeployer",
    ) -> None:
        if not re.fullmatch(r"[0-9a-f-]{36}", identity):
            sys.exit("no such deployment")
        self.state = f"{state}/{identity}"
        self.logs = f"{logs}/{identity}"
        self.secrets: list[str] = []

    def parameters(self) -> dict[str, Any]:
        return dict(load(f"{self.state}/deployment.json") or {})

    def learn_secrets(self, release: str, directory: str = "/etc/ecdeployer/environment") -> None:
        """What must not leave the machine in a log: the developer's values, line by line.

        They stay known when the release is forgotten while the portal cannot be reached.
        """
        document = load(f"{directory}/{release}.json")
        if document is None:
            return
        values = [
            value for name, value in document["environment"].items() if name != "DJANGO_SETTINGS_MODULE"
        ]
        lines = {line for value in values for line in (value, *value.splitlines())}
        self.secrets = sorted((line for line in lines if len(line) >= SHORTEST_SECRET), key=len, reverse=True)

    def redacted(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "******")
        return text

    def events(self, after: int) -> list[dict[str, Any]]:
        return [event for event in lines(f"{self.state}/events.jsonl") if event["number"] > after][:100]

    def result(self) -> dict[str, Any] | None:
        result = load(f"{self.state}/result.json")
        return {name: self.redacted(value) for name, value in result.items()} if result else None

    def changes(self) -> list[dict[str, str]]:
        found = lines(f"{self.state}/changes.jsonl")[:200]
        return [{name: self.redacted(str(value)) for name, value in change.items()} for change in found]

    def plan(self) -> list[dict[str, Any]] | None:
        """What is migrated; the names are the project's own, and stay: the portal compares them."""
        found = plan.read(self.state)
        for migration in found or []:
            migration["operations"] = [self.redacted(text) for text in migration["operations"]]
            for flag in migration["flags"]:
                flag["text"] = self.redacted(flag["text"])
        return found

    def steps(self) -> list[str]:
        names = os.listdir(self.logs) if os.path.isdir(self.logs) else []
        return sorted(name[:-4] for name in names if name.endswith(".log"))

    def log(self, step: str, offset: int, size: int, *, last: bool) -> dict[str, Any] | None:
        """The next part of a step's log, whole lines where it can be; all of it where nothing comes after."""
        with open(f"{self.logs}/{step}.log", "rb") as file:
            file.seek(offset)
            chunk = file.read(size)
        if not last or len(chunk) == size:
            chunk = chunk[: whole(chunk, self.secrets)]
        if not chunk:
            return None
        text = self.redacted(chunk.decode("utf-8", "replace"))
        return {"step": step, "offset": offset, "next": offset + len(chunk), "text": text}

    def end_of_log(self, step: str, size: int) -> dict[str, Any] | None:
        """Its last bytes, without the end of a secret that begins before them."""
        secrets = [text.encode() for text in self.secrets]
        with open(f"{self.logs}/{step}.log", "rb") as file:
            offset = max(0, file.seek(0, os.SEEK_END) - size)
            ahead = min(offset, max(map(len, secrets), default=0))
            file.seek(offset - ahead)
            chunk = file.read(2 * ahead)
        for secret in secrets:
            at = chunk.find(secret, max(0, ahead - len(secret) + 1))
            if 0 <= at < ahead:
                offset = max(offset, offset - ahead + at + len(secret))
        return self.log(step, offset, size, last=os.path.exists(f"{self.state}/result.json"))


def whole(chunk: bytes, secrets: list[str]) -> int:
    """How much of it can go: whole lines; where there is none, whole letters, and no half of a secret."""
    if b"\n" in chunk:
        return chunk.rindex(b"\n") + 1
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoder.decode(chunk)
    end = len(chunk) - len(decoder.getstate()[0])
    for secret in (text.encode() for text in secrets):
        begins = range(max(0, len(chunk) - len(secret) + 1), end)
        end = next((at for at in begins if secret.startswith(chunk[at:])), end)
    return end


def load(path: str) -> Any:
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


def lines(path: str) -> list[dict[str, Any]]:
    """JSON lines; one that is still being written is left for the next time."""
    found = []
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    item = json.loads(line)
                except ValueError:
                    continue
                found.append(item)
    except OSError:
        pass
    return [item for item in found if isinstance(item, dict)]


class Reporter:
    """Posts what the portal has not got yet; the portal's answers say what it has."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        parameters = deployment.parameters()
        self.url = parameters["report_url"]
        self.token = parameters["report_token"]
        self.release = parameters["release"]
        self.event = 0
        self.offsets: dict[str, int] = {}
        self.planned = False
        self.told = False

    def next_report(self) -> dict[str, Any] | None:
        """The next body, or None when the portal has everything."""
        self.deployment.learn_secrets(self.release)
        result = self.deployment.result()
        events = self.deployment.events(self.event)
        planned = None if self.planned else self.deployment.plan()
        if planned is not None:
            # By itself: all that a report may hold would be too much together.
            return {**NOTHING, "events": events, "plan": planned}
        logs: list[dict[str, Any]] = []
        for step in self.deployment.steps():
            part = self.deployment.log(step, self.offsets.get(step, 0), CHUNK, last=result is not None)
            if part and len(logs) < 3:
                logs.append(part)
        final = result is not None and not events and not logs
        if not events and not logs and (not final or self.told):
            return None
        changes = self.deployment.changes() if final else []
        ending = {"changes": changes, "result": result if final else None}
        return {**NOTHING, "events": events, "logs": logs, **ending}

    def post(self, body: dict[str, Any]) -> bool:
        """Whether the portal wants more; OSError or ValueError when it could not be told."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url, json.dumps(body).encode(), headers)
        try:
            with OPENER.open(request, timeout=10) as answer:
                known = json.loads(answer.read(65536))
        except urllib.error.HTTPError as error:
            if error.code == 410:
                stop(self.deployment)
            if error.code in (401, 404, 409, 410):
                return False
            raise
        self.event = int(known["event"])
        self.offsets |= {step: int(offset) for step, offset in known["logs"].items()}
        self.planned = self.planned or body["plan"] is not None
        self.told = self.told or body["result"] is not None
        return not (known.get("final") and self.told)

    def follow(self) -> None:
        heard = spoken = time.monotonic()
        pause = PAUSE
        while time.monotonic() - heard < PATIENCE:
            body = self.next_report()
            if body is None and self.told:
                return
            if body is None and time.monotonic() - spoken > HEARTBEAT and not self._ended():
                body = NOTHING
            if body is not None:
                spoken = time.monotonic()
            try:
                if body is not None and not self.post(body):
                    return
                pause = PAUSE
                if body is not None or not self._ended():
                    heard = time.monotonic()
            except (OSError, ValueError, KeyError) as error:
                print(f"not delivered: {error}", flush=True)
                pause = min(pause * 2, 20)
            time.sleep(pause)

    def _ended(self) -> bool:
        return os.path.exists(f"{self.deployment.state}/result.json")


def stop(deployment: Deployment) -> None:
    """It was called off: end all that deploy.sh has started. That gives up by itself then."""
    if os.path.exists(f"{deployment.state}/result.json"):
        return
    # Before it has begun, too: what comes after this finds that it is not wanted.
    os.makedirs(deployment.state, mode=0o700, exist_ok=True)
    with open(f"{deployment.state}/cancelled", "w", encoding="ascii"):
        pass
    try:
        with open(f"{deployment.state}/process", encoding="ascii") as file:
            process = int(file.read())
    except FileNotFoundError:
        return
    # What stands still starts nothing: the second look finds all of them.
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for descendant in descendants(process):
            with contextlib.suppress(ProcessLookupError):
                os.kill(descendant, number)


def descendants(process: int) -> list[int]:
    """The processes below this one; none where it has ended, or is not deploy.sh any more."""
    with contextlib.suppress(OSError), open(f"/proc/{process}/cmdline", "rb") as file:
        if b"deploy.sh" not in file.read():
            return []
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    children: dict[int, list[int]] = {}
    for line in listed.splitlines():
        child, parent = map(int, line.split())
        children.setdefault(parent, []).append(child)
    found, ahead = [], children.get(process, [])
    while ahead:
        found += ahead
        ahead = [child for parent in ahead for child in children.get(parent, [])]
    return found


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """The token goes to the portal alone."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


OPENER = urllib.request.build_opener(NoRedirect)


def status(deployment: Deployment) -> str:
    """One report of everything, the oldest log text left out where it is too long to print."""
    deployment.learn_secrets(str(deployment.parameters().get("release", "")))
    told = {"events": deployment.events(0), "changes": deployment.changes(), "result": deployment.result()}
    body: dict[str, Any] = {**NOTHING, **told, "logs": []}
    planned = deployment.plan()
    if len(json.dumps([body, planned])) < PRINTED / 2:
        body["plan"] = planned
    for step in reversed(deployment.steps()):
        part = deployment.end_of_log(step, 3000)
        if part and len(json.dumps([body, part])) < PRINTED:
            body["logs"].append(part)
    if len(json.dumps(body)) >= PRINTED:
        body["changes"] = []
    return json.dumps(body)


def main(action: str, identity: str) -> None:
    deployment = Deployment(identity)
    if action == "follow":
        Reporter(deployment).follow()
        return
    if action == "stop":
        stop(deployment)
        return
    print(status(deployment))
    if deployment.parameters():
        unit = f"ecdeployer-report-{identity}"
        command = [
            "systemd-run",
            "--quiet",
            "--collect",
            f"--unit={unit}",
            "--working-directory=/opt/ecdeployer",
        ]
        subprocess.run(
            [*command, "python3", "-sEm", "user_data.report", "follow", identity],
            check=False,
            stderr=subprocess.DEVNULL,
        )


if __name__ == "__main__":
    main(*sys.argv[1:3])
