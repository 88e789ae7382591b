"""What the portal holds, and how it grows: scripts/benchmark load."""

import json
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import django
from django.core.management import call_command

from benchmarks import host, load_web, table

if TYPE_CHECKING:
    from ecdeployer.accounts.models import User

RESULTS = Path(__file__).parent / "load.md"
SIZES = (10, 1_000, 10_000)
PEOPLE, REQUESTS, SECONDS = 200, 1_000, 20
PORT = 8055


def main() -> int:
    django.setup()
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    sections = [_pages(), _fleets(), _requests()]
    sections += [
        _polls(1, "all in its first half-minute", limit=""),
        _polls(2, "all after it", limit="1,000"),
    ]
    text = "\n\n".join([f"# Load\n\n{host.describe()}", *sections]) + "\n"
    RESULTS.write_text(text)
    print(text)
    return 0


def _pages() -> str:
    """The dashboard and one application's page, for a person who has so many."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext
    from ecdeployer.accounts.models import User

    from benchmarks import load_records

    rows, first = list[list[str]](), dict[str, float]()
    for size in SIZES:
        load_records.clear()
        owner = User.objects.create(username="owner")
        deployment = load_records.applications(owner, size)[-1]
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        client = Client()
        client.force_login(owner)
        for name, path in (
            ("dashboard", "/applications/"),
            ("dashboard, one state", "/applications/?state=live"),
            ("dashboard, a search", "/applications/?q=shop"),
            ("application", f"/applications/{deployment.application_id}/"),
        ):
            times, count = [], 0
            for _ in range(15):
                with CaptureQueriesContext(connection) as queries:
                    began = time.perf_counter()
                    client.get(path)
                    times.append((time.perf_counter() - began) * 1000)
                count = len(queries)
            median = statistics.median(times)
            first.setdefault(name, median)
            rows.append([name, f"{size:,}", str(count), f"{median:.1f}", f"{median / first[name]:.2f}"])
    told = (
        "Flat in queries. One application's page is flat. The dashboard reads one page by an index. What\n"
        "still grows with a person's applications: the database counts them by state in an index, sums up\n"
        "what their instances cost, and reads every one for a search."
    )
    return f"## Pages\n\n{told}\n\n" + table.render(
        ["page", "applications", "queries", "ms", "ratio to ten"], rows
    )


def _fleets() -> str:
    """Reconcile, each size in a process of its own."""
    rows = []
    for size in SIZES:
        command = [sys.executable, "-m", "benchmarks.load_fleet", str(size)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        each = found["seconds"] / size * 1000
        rows.append(
            [
                f"{size:,}",
                str(found["calls"]),
                str(found["queries"]),
                f"{found['seconds']:.2f}",
                f"{each:.3f}",
                f"{found['mb']:.0f}",
            ]
        )
    told = (
        "Linear in machines. Calls are the machines over 1,000, rounded up; the number of queries stands\n"
        "still. The time of EC2's own answers is not in the seconds."
    )
    heads = ["machines", "calls", "queries", "s", "ms for one", "MB at its peak"]
    return f"## One sweep of reconcile\n\n{told}\n\n" + table.render(heads, rows)


def _people(count: int) -> list[tuple[str, "User"]]:
    """Sessions of so many people."""
    from django.test import Client
    from ecdeployer.accounts.models import User

    found = []
    for number in range(count):
        client = Client()
        person = User.objects.create(username=f"person-{number}")
        client.force_login(person)
        found.append((client.cookies["session"].value, person))
    return found


def _requests() -> str:
    from ecdeployer.applications.models import Application
    from ecdeployer.deployments.models import Deployment

    from benchmarks import load_records

    load_records.clear()
    cookies = [cookie for cookie, _ in _people(50)]
    with load_web.portal(PORT) as url:
        began = time.monotonic()
        milliseconds, places = load_web.submit(url, cookies, REQUESTS)
        seconds = time.monotonic() - began
    made = {place for place in places if place.startswith("/applications/")}
    rows = [
        ["accepted", f"{len(made):,} of {REQUESTS:,}", f"{REQUESTS:,}"],
        [
            "applications, deployments",
            f"{Application.objects.count():,}, {Deployment.objects.count():,}",
            f"{REQUESTS:,} each",
        ],
        ["a second", f"{REQUESTS / seconds:.0f}", ""],
        ["p50, ms", f"{load_web.percentile(milliseconds, 50):.0f}", ""],
        ["p99, ms", f"{load_web.percentile(milliseconds, 99):.0f}", "5,000"],
    ]
    told = (
        "From 50 people, each with a stack of forms, on two workers of four threads; clients and PostgreSQL\n"
        "share the two cores."
    )
    return f"## {REQUESTS:,} provisioning requests at once\n\n{told}\n\n" + table.render(
        ["", "measured", "limit"], rows
    )


def _polls(pause: int, told: str, *, limit: str) -> str:
    from django.db.models import F, Value
    from django.db.models.functions import Concat
    from ecdeployer.deployments.models import Step
    from ecdeployer.deployments.states import DeploymentState, StepState

    from benchmarks import load_records

    load_records.clear()
    places = []
    for cookie, person in _people(PEOPLE):
        deployment = load_records.applications(person, 1, state=DeploymentState.RUNNING)[0]
        places.append((cookie, f"/applications/{deployment.application_id}/live/"))
    done = threading.Event()

    def report() -> None:
        """Each machine adds a line to the log of its step every other second."""
        line = "Resolved 14 packages in 212ms\n"
        while not done.wait(2):
            running = Step.objects.filter(state=StepState.RUNNING)
            running.update(log=Concat("log", Value(line)), log_offset=F("log_offset") + len(line))

    with load_web.portal(PORT) as url:
        threading.Thread(target=report, daemon=True).start()
        before = load_web.cpu_seconds(f"127.0.0.1:{PORT}")
        milliseconds, answers = load_web.poll(url, places, seconds=SECONDS, pause=pause)
        used = load_web.cpu_seconds(f"127.0.0.1:{PORT}") - before
        done.set()
    wanted = PEOPLE * SECONDS // pause
    rows = [
        ["answers", f"{sum(answers.values()):,} of {wanted:,}", ""],
        ["of them 304", f"{answers.get(304, 0) / sum(answers.values()):.0%}", ""],
        ["errors", str(sum(count for code, count in answers.items() if code >= 400)), "0"],
        ["p50, ms", f"{load_web.percentile(milliseconds, 50):.0f}", ""],
        ["p95, ms", f"{load_web.percentile(milliseconds, 95):.0f}", limit],
        ["portal's share of two cores", f"{used / SECONDS / 2:.0%}", ""],
    ]
    heading = f"## {PEOPLE} people who watch, {told}"
    said = (
        f"{PEOPLE} people, each with the page of a running deployment, which asks every {pause} s, for\n"
        f"{SECONDS} seconds; a new line of log every other second. The clients share the cores."
    )
    if not limit:
        said += "\nMore than there can be: at EC2's rate 65 launches begin in half a minute."
    return f"{heading}\n\n{said}\n\n" + table.render(["", "measured", "limit"], rows)


if __name__ == "__main__":
    sys.exit(main())
