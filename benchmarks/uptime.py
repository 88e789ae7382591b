"""How long a round over a thousand sites takes: scripts/benchmark uptime."""

import asyncio
import datetime as dt
import functools
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django
from django.core.management import call_command

from benchmarks import host, table

RESULTS = Path(__file__).parent / "uptime.md"
SITES = 1_000
PORT = 8057
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
#: Seconds until a site answers, and how many of them never do.
ROUNDS = (
    ("answer in 20 ms", 0.02, 0),
    ("answer in 20 ms, one in ten never", 0.02, 10),
    ("never answer", 0.02, 1),
)
_HEAD = """\
One worker process looks at a thousand sites on PostgreSQL, as a minute's five tasks do; with more
processes the tasks go side by side. CPU is the worker's for the whole round, rows written included.
A round has a minute.
"""


def main() -> int:
    django.setup()
    call_command("migrate", verbosity=0)
    from ecdeployer.accounts.models import User

    from benchmarks import load_records

    load_records.clear()
    load_records.applications(User.objects.create(username="owner"), SITES)
    lines = [_round(label, seconds, silent) for label, seconds, silent in ROUNDS]
    heads = ["sites that", "seconds", "CPU, s", "of a task, s", "found down"]
    text = f"# Uptime\n\n{host.describe()}\n\n{_HEAD}\n{table.render(heads, lines)}\n"
    RESULTS.write_text(text)
    print(text)
    return 0


def _round(label: str, seconds: float, silent: int) -> list[str]:
    from django.utils import timezone
    from ecdeployer.applications.models import Application
    from ecdeployer.deployments import health
    from ecdeployer.figures import looking
    from ecdeployer.figures.models import Watch
    from ecdeployer.instances.models import Instance

    Instance.objects.update(public_ip="127.0.0.1")
    Watch.objects.all().delete()
    # Every so many-th is asked where nobody ever answers.
    for number, pk in enumerate(Application.objects.values_list("pk", flat=True)):
        if silent and number % silent == 0:
            Instance.objects.filter(application=pk).update(public_ip="127.0.0.2")
    original = health.visit
    health.visit = functools.partial(original, port=PORT)
    with _sites(seconds):
        began, used = time.monotonic(), time.process_time()
        due, tasks = looking.take_due(timezone.now() + dt.timedelta(seconds=30)), list[float]()
        for begin in range(0, len(due), looking.BATCH):
            task = time.monotonic()
            looking.look_at(due[begin : begin + looking.BATCH])
            tasks.append(time.monotonic() - task)
        took, used = time.monotonic() - began, time.process_time() - used
    health.visit = original
    down = Watch.objects.filter(failures__gt=0).count()
    return [label, f"{took:.1f}", f"{used:.1f}", f"{min(tasks):.1f} to {max(tasks):.1f}", f"{down:,}"]


@contextmanager
def _sites(seconds: float) -> Iterator[None]:
    """In a process of its own: 127.0.0.1 answers after so many seconds, 127.0.0.2 never."""
    child = os.fork()
    if child == 0:
        asyncio.run(_serve(seconds))
        os._exit(0)
    time.sleep(1)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


async def _serve(seconds: float) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(seconds)
        writer.write(ANSWER)
        writer.close()

    async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    answering = await asyncio.start_server(answer, "127.0.0.1", PORT, backlog=512)
    hanging = await asyncio.start_server(hang, "127.0.0.2", PORT, backlog=512)
    await asyncio.gather(answering.serve_forever(), hanging.serve_forever())


if __name__ == "__main__":
    sys.exit(main())
