"""What visitors notice of a deployment, beside what is done by hand: scripts/benchmark switch [--runs N]."""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import host, table
from benchmarks.switch_site import Site
from tests.e2e.conftest import Machines
from tests.e2e.machine_bench import running_bench
from tests.e2e.visitors import Summary, Visit, visitors
from tests.lane import LANE

RESULTS = Path(__file__).parent / "switch.md"
STATE = Path(os.environ.get("ECDEPLOYER_TEST_STATE", "/var/lib/ecdeployer-benchmark")) / "cloud"
#: 1,400 requests: the deed begins after the third second.
SECONDS, BEFORE = 14, 3
RATE = 100
#: What somebody types who wants the same number of workers and threads as ours has on two cores.
PLAIN = "--workers 2 --worker-class gthread --threads 4"
CORES = os.cpu_count() or 1
DATABASE_PAGE, STATIC_FILE = "/visits/", "/static/pages/style.css"


def main() -> int:
    options = argparse.ArgumentParser(prog="scripts/benchmark switch", allow_abbrev=False)
    options.add_argument("--runs", type=int, default=5)
    runs: int = options.parse_args().runs
    name, subnet = f"switch{LANE}", f"10.215.{LANE}.0/24"
    with (
        tempfile.TemporaryDirectory(prefix="ecdeployer-benchmark-") as folder,
        running_bench(Path(folder), name=name, subnet=subnet, port=4950 + LANE, state=STATE) as bench,
    ):
        machines = Machines(bench)
        try:
            site = Site(bench, machines)
            switches, throughput = _switches(site, runs), _throughput(site)
            text = _TEXT.format(host=host.describe(), switches=switches, throughput=throughput)
        finally:
            for instance in machines.launched:
                bench.terminate(instance)
    RESULTS.write_text(text)
    print(text)
    return 0


_TEXT = """\
# Switching

{host} Visitors, nginx, gunicorn and the deployment share the cores.

{switches}

{throughput}
"""


def _switches(site: Site, runs: int) -> str:
    """In turns, so that whatever else the host does meets all alike."""
    seen: dict[str, list[tuple[float, list[Visit]]]] = {}

    def run(label: str, deed: Callable[[], float]) -> None:
        seen.setdefault(label, []).append(_watch(site, deed))
        print(f"{label}: {Summary.of(seen[label][-1][1])}", flush=True)

    for _ in range(runs):
        run("no deployment", site.nothing)
        run("ours: a commit", site.deploy)
        run("ours: back to the release before", site.roll_back)
        with site.plain(PLAIN):
            run("by hand, no deployment", site.nothing)
            run("`supervisorctl restart`", site.restart)
            run("`kill -HUP` of gunicorn", site.hup)
    told = (
        f"{RATE} requests a second, each on a connection of its own, for {SECONDS} seconds or until the\n"
        "deployment has ended; one in 400 takes 5 s on the site, one in 1,000 uploads 4 MB in 10 s.\n"
        f"{runs} runs of each, in turns. Waits are counted from the moment a visitor meant to ask, without\n"
        "what the slow ones take by themselves. Seconds: those of the whole deployment on the machine, or\n"
        "of the restart by hand, which fetches, installs, migrates and checks nothing."
    )
    heads = ["", "requests", "failed", "p50, ms", "p99, ms", "longest wait, s", "seconds"]
    rows = [_row(label, measured) for label, measured in seen.items()]
    return f"## What visitors notice\n\n{told}\n\n" + table.render(heads, rows)


def _watch(site: Site, deed: Callable[[], float]) -> tuple[float, list[Visit]]:
    ends = time.monotonic() + SECONDS
    with visitors(site.address, rate=RATE) as crowd:
        time.sleep(BEFORE)
        took = deed()
        time.sleep(max(0.0, ends - time.monotonic()))
    return took, crowd.visits


def _row(label: str, measured: list[tuple[float, list[Visit]]]) -> list[str]:
    summary = Summary.of([visit for _, visits in measured for visit in visits])
    longest = sorted(Summary.of(visits).slowest for _, visits in measured)
    seconds = sorted(took for took, _ in measured)
    return [
        label,
        f"{summary.requests:,}",
        f"{summary.failed:,}",
        f"{summary.p50 * 1000:.0f}",
        f"{summary.p99 * 1000:.0f}",
        f"{longest[0]:.2f} to {longest[-1]:.2f}",
        f"{seconds[0]:.1f} to {seconds[-1]:.1f}" if seconds[-1] else "",
    ]


def _throughput(site: Site) -> str:
    rows = [
        ["ours: a page that asks the database", _rate(site, DATABASE_PAGE)],
        ["ours: a static file, by nginx", _rate(site, STATIC_FILE)],
    ]
    for arguments in ("--workers 1 --timeout 15", f"--workers {2 * CORES + 1}"):
        with site.plain(arguments):
            rows.append([f"`gunicorn {arguments}` behind nginx: the page", _rate(site, DATABASE_PAGE)])
    told = "`wrk --threads 2 --connections 16 --duration 10s`, on the same cores."
    return f"## Requests a second\n\n{told}\n\n" + table.render(["", "requests a second"], rows)


def _rate(site: Site, path: str) -> str:
    command = [
        "wrk",
        "--threads",
        "2",
        "--connections",
        "16",
        "--duration",
        "10s",
        f"http://{site.address}{path}",
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if not found or "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(said)
    return f"{float(found[1]):,.0f}"


if __name__ == "__main__":
    sys.exit(main())
