"""Many people at once, against the portal under gunicorn."""

import http.client
import os
import re
import statistics
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import requests

ROOT = Path(__file__).parents[1]
_TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def portal(port: int) -> Iterator[str]:
    """Two workers of four threads, as docs/operating.md has them for two cores."""
    gunicorn = [
        str(Path(sys.executable).parent / "gunicorn"),
        "--no-control-socket",
        "--workers=2",
        "--threads=4",
    ]
    command = [*gunicorn, f"--bind=127.0.0.1:{port}", "--log-level=warning", "ecdeployer.wsgi:application"]
    with subprocess.Popen(command, cwd=ROOT / "ecdeployer", start_new_session=True) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_for(url)
            yield url
        finally:
            process.terminate()


def _wait_for(url: str) -> None:
    for _ in range(200):
        try:
            requests.get(f"{url}/accounts/login/", timeout=5)
        except (requests.ConnectionError, requests.Timeout):
            time.sleep(0.1)
        else:
            return


def cpu_seconds(pattern: str) -> float:
    """Of all processes whose command has the pattern."""
    found = subprocess.run(
        ["pgrep", "-f", pattern], capture_output=True, text=True, check=False
    ).stdout.split()
    total = 0
    for pid in found:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def submit(url: str, cookies: list[str], count: int) -> tuple[list[float], list[str]]:
    """So many forms at once, each by one of these sessions: milliseconds of each, and where each led."""
    sessions = [_session(cookie) for cookie in cookies]
    choice = _find(r'<option value="([^"]+)"', sessions[0].get(f"{url}/applications/new/", timeout=30).text)
    tokens = [_token(session.get(f"{url}/applications/new/", timeout=30).text) for session in sessions]
    start = threading.Barrier(len(sessions))

    def work(at: int) -> list[tuple[float, str]]:
        start.wait()
        return [
            _submit(url, sessions[at], tokens[at], f"new-{at}-{each}", choice)
            for each in range(count // len(sessions))
        ]

    with ThreadPoolExecutor(len(sessions)) as pool:
        done = [each for group in pool.map(work, range(len(sessions))) for each in group]
    return [milliseconds for milliseconds, _ in done], [place for _, place in done]


def _submit(
    url: str, session: requests.Session, token: str, name: str, instance_type: str
) -> tuple[float, str]:
    data = {
        "csrfmiddlewaretoken": token, "submission": str(uuid.uuid4()), "project_name": "shop", "name": name,
        "github_url": "https://github.com/example/shop", "instance_type": instance_type, "health_path": "/",
    }  # fmt: skip
    began = time.perf_counter()
    answer = session.post(
        f"{url}/applications/new/", data=data, headers={"Referer": url}, allow_redirects=False, timeout=120
    )
    return (time.perf_counter() - began) * 1000, answer.headers.get(
        "Location", f"refused {answer.status_code}"
    )


def poll(
    url: str, places: list[tuple[str, str]], *, seconds: float, pause: float
) -> tuple[list[float], dict[int, int]]:
    """Each session asks for its page's moving part with the ETag that it has, ``pause`` seconds apart."""
    ends = time.monotonic() + seconds
    milliseconds: list[float] = []
    answers: dict[int, int] = {}

    def person(at: int) -> None:
        cookie, path = places[at]
        # Not requests, which takes as much of the two cores for an answer as the portal.
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
        headers = {"Cookie": f"session={cookie}", "HX-Request": "true", "If-None-Match": ""}
        time.sleep(pause * at / len(places))
        while time.monotonic() < ends:
            began = time.perf_counter()
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            answer.read()
            took = time.perf_counter() - began
            headers["If-None-Match"] = answer.headers.get("ETag", "")
            milliseconds.append(took * 1000)
            answers[answer.status] = answers.get(answer.status, 0) + 1
            time.sleep(max(0.0, pause - took))

    with ThreadPoolExecutor(len(places)) as pool:
        list(pool.map(person, range(len(places))))
    return milliseconds, answers


def percentile(values: list[float], share: int) -> float:
    return statistics.quantiles(values, n=100)[share - 1]


def _session(cookie: str) -> requests.Session:
    session = requests.Session()
    session.cookies.set("session", cookie)
    return session


def _token(page: str) -> str:
    return _find(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)


def _find(pattern: str, page: str) -> str:
    found = re.search(pattern, page)
    if found is None:
        sys.exit(f"The page lacks {pattern}: {page[:500]}")
    return found[1]
