"""Signed pushes, as many as there come: scripts/benchmark webhooks."""

import json
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import django
from django.core.management import call_command

from benchmarks import host, load_web, table

if TYPE_CHECKING:
    from ecdeployer.webhooks.models import Webhook

RESULTS = Path(__file__).parent / "webhooks.md"
ROOT = Path(__file__).parents[1]
#: A busy machine takes its time: SECONDS of what is sent at a rate, and COUNT of what is sent at will.
PORT, CONNECTIONS, SECONDS, COUNT = 8056, 8, 10, 2_000
RATE = 500


def main() -> int:
    django.setup()
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    with load_web.portal(PORT), _worker():
        rows = [_pushes(rate=RATE), _pushes(rate=0), _refused()]
    heads = ["", "sent", "a second", "CPU, ms", "p50, ms", "p99, ms", "answers", "what became of them"]
    told = (
        "Pushes of 6 KB to one application, each another commit, over eight connections to two workers\n"
        "of four threads; a Celery worker makes deployments of them. All share the two cores. CPU is the\n"
        "portal's for each; a busy host makes it larger. What took another's place in the queue of\n"
        "deployments is superseded, too."
    )
    text = f"# Webhooks\n\n{host.describe()}\n\n{told}\n\n{table.render(heads, rows)}\n"
    RESULTS.write_text(text)
    print(text)
    return 0


def _pushes(*, rate: int) -> list[str]:
    """So many a second, or as many as can be; then wait until none waits."""
    from benchmarks import load_records

    load_records.clear()
    webhook = _application()
    count = rate * SECONDS if rate else COUNT
    requests = [_signed(webhook.pk, webhook.secret, number) for number in range(count)]
    name = f"{rate} a second" if rate else "as fast as they go"
    return [name, *_measured(requests, rate=rate), _became()]


def _measured(requests: list[bytes], *, rate: int) -> list[str]:
    began, before = time.monotonic(), load_web.cpu_seconds(f"127.0.0.1:{PORT}")
    milliseconds, answers = _send(lambda number: requests[number], count=len(requests), rate=rate)
    seconds, used = time.monotonic() - began, load_web.cpu_seconds(f"127.0.0.1:{PORT}") - before
    count = len(requests)
    numbers = [f"{count:,}", f"{count / seconds:.0f}", f"{used / count * 1000:.2f}"]
    times = [f"{load_web.percentile(milliseconds, share):.1f}" for share in (50, 99)]
    return [*numbers, *times, _list(answers)]


def _application() -> "Webhook":
    from ecdeployer.accounts.models import User
    from ecdeployer.webhooks.models import Webhook

    from benchmarks import load_records

    owner, _ = User.objects.get_or_create(username="owner")
    deployment = load_records.applications(owner, 1)[0]
    application = deployment.application
    # Nobody listens there: what runs waits for its repository, as behind a host that is away.
    application.branch, application.github_url = "main", "http://127.0.0.1:9/example/shop"
    application.save()
    return Webhook.objects.create(application=application)


def _signed(pk: object, secret: str, number: int) -> bytes:
    from ecdeployer.webhooks.signatures import sign

    commits = [
        {"id": f"{each:040x}", "message": "Add opening hours", "added": ["a/b.py"]} for each in range(60)
    ]
    body = json.dumps(
        {
            "ref": "refs/heads/main",
            "after": f"{number + 1:040x}",
            "repository": {"id": 1, "full_name": "example/shop", "default_branch": "main"},
            "pusher": {"name": "ines"},
            "head_commit": {"message": "Add opening hours"},
            "commits": commits,
        }
    ).encode()
    head = (
        f"POST /hooks/{pk}/ HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nX-GitHub-Event: push\r\nX-GitHub-Delivery: {uuid4()}\r\n"
        f"X-Hub-Signature-256: {sign(secret, body)}\r\n\r\n"
    )
    return head.encode() + body


def _refused() -> list[str]:
    """Half to an application that there is, half to none; signed with another secret.

    A process writes what it has counted at most every few seconds, with the next refusal: a few come later.
    """
    from ecdeployer.webhooks import refusals

    from benchmarks import load_records

    load_records.clear()
    webhook = _application()
    count = COUNT
    requests = [_signed(webhook.pk if number % 2 else uuid4(), "other", number) for number in range(count)]
    measured = _measured(requests, rate=0)
    time.sleep(refusals.PAUSE)
    later = [_signed(webhook.pk, "other", number) for number in range(CONNECTIONS * 2)]
    _send(lambda number: later[number], count=len(later), rate=0)
    time.sleep(1)
    webhook.refresh_from_db()
    counted = f"{webhook.refused:,} counted of {count // 2:,} and {len(later)} later"
    return ["signed wrongly", *measured, f"{counted}; none kept"]


def _send(request: Callable[[int], bytes], *, count: int, rate: int) -> tuple[list[float], Counter[str]]:
    """Each connection has its share, and sends at its times, or at once after the answer."""
    began = time.monotonic()

    def connection(at: int) -> list[tuple[float, str]]:
        with socket.create_connection(("127.0.0.1", PORT)) as stream:
            found = []
            for number in range(at, count, CONNECTIONS):
                if rate:
                    time.sleep(max(0.0, began + number / rate - time.monotonic()))
                start = time.perf_counter()
                stream.sendall(request(number))
                status = _answer(stream)
                found.append(((time.perf_counter() - start) * 1000, status))
            return found

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        done = [each for group in pool.map(connection, range(CONNECTIONS)) for each in group]
    return [milliseconds for milliseconds, _ in done], Counter(status for _, status in done)


def _answer(stream: socket.socket) -> str:
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(stream)
    head, _, body = received.partition(b"\r\n\r\n")
    lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    while len(body) < int(lines[b"content-length"]):
        body += _more(stream)
    return head[9:12].decode()


def _more(stream: socket.socket) -> bytes:
    part = stream.recv(65_536)
    if not part:
        sys.exit("The portal closed a connection.")
    return part


def _became() -> str:
    """Once none waits: each delivery by its end, and the deployments that were made of them."""
    from ecdeployer.deployments.models import Deployment
    from ecdeployer.webhooks.models import Delivery

    for _ in range(600):
        if not Delivery.objects.filter(outcome="waiting").exists():
            break
        time.sleep(0.1)
    ends = Counter(each.result_label.lower() for each in Delivery.objects.select_related("deployment"))
    asked = Deployment.objects.filter(trigger="webhook")
    unfinished = asked.filter(state__in=["queued", "running"]).count()
    return f"{_list(ends)}; {asked.count()} deployments asked for, {unfinished} not superseded"


def _list(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))


@contextmanager
def _worker() -> Iterator[None]:
    command = [
        str(Path(sys.executable).parent / "celery"),
        "--app",
        "ecdeployer.celery",
        "worker",
        "--pool=solo",
    ]
    with subprocess.Popen(
        [*command, "--loglevel", "ERROR"], cwd=ROOT / "ecdeployer", start_new_session=True
    ) as process:
        try:
            yield
        finally:
            process.terminate()


if __name__ == "__main__":
    sys.exit(main())
