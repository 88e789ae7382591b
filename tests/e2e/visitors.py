"""Visitors who come at a constant rate, whatever the site does, among them slow ones and one that uploads.

They are a process of their own, and go first on a shared host: real visitors bring their own machines. Each
opens a connection. What counts is the time from the moment that a visitor meant to ask: when the site stalls,
those who come meanwhile wait too, and that shows.
"""

import asyncio
import contextlib
import json
import os
import re
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60
#: A request that takes SLOW seconds on the site, and an upload of some MB that takes UPLOAD seconds to send.
SLOW, SLOW_EVERY = 5, 4
UPLOAD, UPLOAD_EVERY, UPLOAD_SIZE = 10, 10, 4_000_000
PARTS = 200
#: A page's own style sheet, which a browser asks for next: the visit is as good as that.
SHEET = re.compile(r'<link rel="stylesheet" href="(/[^"]+)">')
#: The visitors' own process is told of it.
TOKEN = os.environ.get("TOKEN", "")
AUTHORIZATION = f"Authorization: Bearer {TOKEN}\r\n" if TOKEN else ""


@dataclass(frozen=True)
class Visit:
    """One request. ``late``: the seconds it took beyond what it takes by itself. Status 0 is no answer."""

    path: str
    at: float
    late: float
    status: int
    body: str

    @property
    def failed(self) -> bool:
        return self.status != 200


@dataclass(frozen=True)
class Summary:
    """Seconds; ``slowest`` tells of the quick ones, the slow ones and the uploads alike."""

    requests: int
    failed: int
    p50: float
    p99: float
    slowest: float

    @classmethod
    def of(cls, visits: Sequence[Visit]) -> "Summary":
        waits = sorted(visit.late for visit in visits)
        return cls(
            requests=len(visits),
            failed=sum(visit.failed for visit in visits),
            p50=waits[len(waits) // 2],
            p99=waits[int(len(waits) * 0.99)],
            slowest=waits[-1],
        )


class Crowd:
    """The visitors, while and after they come."""

    def __init__(self) -> None:
        self.visits: list[Visit] = []

    @property
    def failed(self) -> list[Visit]:
        return [visit for visit in self.visits if visit.failed]


@contextlib.contextmanager
def visitors(address: str, *, rate: int = 100, paths: Sequence[str] = (), token: str = "") -> Iterator[Crowd]:
    """They come for as long as the block runs; at its end the last ones are waited for.

    ``paths``: of what is no site of the tests'; nobody is slow there then. ``token``: of a program's.
    """
    command = [sys.executable, "-m", "tests.e2e.visitors", address, str(rate), *paths]
    environment = {**os.environ, "TOKEN": token}
    crowd = Crowd()
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "coming\n"
        lines: list[str] = []
        reader = threading.Thread(target=lambda: lines.extend(process.stdout or ()))
        reader.start()
        try:
            yield crowd
        finally:
            process.stdin.close()
            reader.join(PATIENCE + UPLOAD)
            crowd.visits += [Visit(**json.loads(line)) for line in lines]


async def ask(address: str, head: str, *, body_seconds: float = 0) -> tuple[int, str]:
    """Status and body; 0 and a reason where the answer is none, or is cut short."""
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(address, 80)
            try:
                writer.write(f"{head}{AUTHORIZATION}Host: {address}\r\nConnection: close\r\n\r\n".encode())
                if body_seconds:
                    await send_slowly(writer, body_seconds)
                return judge(await reader.read())
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError, EOFError) as error:
        return 0, repr(error)


async def send_slowly(writer: asyncio.StreamWriter, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(1, PARTS + 1):
        await asyncio.sleep(began + number * seconds / PARTS - loop.time())
        writer.write(bytes(UPLOAD_SIZE // PARTS))
        await writer.drain()


def judge(answer: bytes) -> tuple[int, str]:
    """Raises ValueError for what is no whole answer."""
    if not answer:
        return 0, "hung up"
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode("ascii", "replace").split("\r\n")
    fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    if "content-length" in fields and len(body) != int(fields["content-length"]):
        return 0, "cut short"
    return int(lines[0].split()[1]), body.decode("utf-8", "replace")


class Gate:
    """Sends each visitor in at a moment of its own, and prints what became of it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.loop = asyncio.get_running_loop()
        self.inside: set[asyncio.Task[None]] = set()
        self.done: list[Visit] = []

    def send(self, path: str, at: float, *, takes: float = 0, upload: bool = False) -> None:
        task = self.loop.create_task(self._visit(path, at, takes=takes, upload=upload))
        self.inside.add(task)
        task.add_done_callback(self.inside.discard)

    async def _visit(self, path: str, at: float, *, takes: float, upload: bool) -> None:
        head = f"GET {path} HTTP/1.1\r\n"
        if upload:
            head = f"POST {path} HTTP/1.1\r\nContent-Length: {UPLOAD_SIZE}\r\n"
        status, body = await ask(self.address, head, body_seconds=takes if upload else 0)
        if status == 200 and (sheets := SHEET.findall(body)):
            path = sheets[-1]
            status, body = await ask(self.address, f"GET {path} HTTP/1.1\r\n")
        if upload and status == 200 and body != str(UPLOAD_SIZE):
            status, body = 0, f"{body} bytes arrived"
        self.done.append(Visit(path, at, self.loop.time() - at - takes, status, body[:200]))


QUICK = ("/", "/visits/", "/", "/static/pages/style.css")


async def come(address: str, rate: int, paths: Sequence[str]) -> list[Visit]:
    """Until standard input ends."""
    gate, over = Gate(address), asyncio.Event()
    gate.loop.add_reader(0, over.set)
    began, number = gate.loop.time() + 0.05, 0
    print("coming", flush=True)
    while not over.is_set():
        at = began + number / rate
        await asyncio.sleep(at - gate.loop.time())
        quick = paths or QUICK
        gate.send(quick[number % len(quick)], at)
        if not paths and number % (SLOW_EVERY * rate) == 0:
            gate.send(f"/visits/?slow={SLOW}", at, takes=SLOW)
        if not paths and number % (UPLOAD_EVERY * rate) == 0:
            gate.send("/receive/", at, takes=UPLOAD, upload=True)
        number += 1
    await asyncio.gather(*gate.inside)
    return gate.done


def go_first() -> None:
    """By nice, and by the nice of the session's own group where the kernel has one for each."""
    with contextlib.suppress(OSError):
        os.nice(-15)
        Path("/proc/self/autogroup").write_text("-15")


def open_many() -> None:
    """Connections: a thousand files are few where a site stalls."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    go_first()
    open_many()
    for visit in asyncio.run(come(sys.argv[1], int(sys.argv[2]), sys.argv[3:])):
        print(json.dumps(asdict(visit)))
