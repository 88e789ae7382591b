"""The post-receive hook of the small forge in forge.py: each ref that was pushed is told as GitHub tells it.

git runs it in the bare repository. ``hook.json`` there says where to and with which secret; without it nobody
is told. What was sent, and how it was answered, is kept in ``deliveries``, the oldest first.
"""

import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

NOTHING = "0" * 40
#: %x00 stands between a commit's parts: a message may hold everything else.
FORMAT = "--format=%H%x00%an%x00%ae%x00%cI%x00%B"


def main() -> None:
    settings = Path("hook.json")
    hook = json.loads(settings.read_text()) if settings.exists() else None
    for line in sys.stdin.buffer:
        before, after, ref = line.rstrip(b"\n").decode(errors="surrogateescape").split(" ", 2)
        if hook:
            identifier, payload = str(uuid.uuid4()), push(hook, before, after, ref)
            status, answer = send(hook, payload, event="push", identifier=identifier)
            keep(Path("deliveries"), identifier, payload, status, answer)


def push(hook: dict[str, str], before: str, after: str, ref: str) -> dict[str, Any]:
    """https://docs.github.com/en/webhooks/webhook-events-and-payloads#push"""
    commits = [] if after == NOTHING else read_commits(before, after)
    return {
        "ref": readable(ref),
        "before": before,
        "after": after,
        "created": before == NOTHING,
        "deleted": after == NOTHING,
        "forced": NOTHING not in (before, after)
        and not succeeds("merge-base", "--is-ancestor", before, after),
        "commits": commits,
        "head_commit": commits[-1] if commits else None,
        "pusher": {"name": hook.get("pusher", "ada"), "email": "ada@example.com"},
        "repository": {
            "id": 1,
            "full_name": hook["repository"],
            "default_branch": "main",
            "pushed_at": int(time.time()),
        },
    }


def read_commits(before: str, after: str) -> list[dict[str, Any]]:
    """The newest twenty at most, the newest last; each tag is of the commit that it names."""
    span = [after] if before == NOTHING else [f"{before}..{after}"]
    said = git("log", "-z", "--reverse", "-n20", "--date-order", FORMAT, *span, "--")
    said = said or git("log", "-z", "-n1", FORMAT, after, "--")
    parts = said.removesuffix("\0").split("\0")
    return [commit(parts[at : at + 5]) for at in range(0, len(parts), 5)]


def commit(parts: list[str]) -> dict[str, Any]:
    identifier, name, email, at, message = (readable(part) for part in parts)
    author = {"name": name, "email": email}
    return {"id": identifier, "message": message.rstrip("\n"), "timestamp": at, "author": author}


def readable(text: str) -> str:
    """JSON is Unicode: what is none becomes the mark for it, as at GitHub."""
    return text.encode(errors="surrogateescape").decode(errors="replace")


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, check=True)
    return done.stdout.decode(errors="surrogateescape")


def succeeds(*arguments: str) -> bool:
    return subprocess.run(["git", *arguments], capture_output=True, check=False).returncode == 0


def send(hook: dict[str, str], payload: dict[str, Any], *, event: str, identifier: str) -> tuple[int, str]:
    """Status and text of the answer; 0 where there is none. A push is never held up by it."""
    body = json.dumps(payload).encode()
    signature = hmac.new(hook["secret"].encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "forge",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": identifier,
        "X-Hub-Signature-256": f"sha256={signature}",
    }
    return post(hook["url"], body, headers)


def keep(folder: Path, identifier: str, payload: dict[str, Any], status: int, answer: str) -> None:
    folder.mkdir(exist_ok=True)
    told = {"identifier": identifier, "payload": payload, "status": status, "answer": answer}
    (folder / f"{time.time_ns()}.json").write_text(json.dumps(told))


def post(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, body, headers), timeout=120) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode(errors="replace")
    except OSError as error:
        return 0, repr(error)


if __name__ == "__main__":
    # git's own variables stay; Python's are of another process.
    os.environ.pop("PYTHONPATH", None)
    main()
