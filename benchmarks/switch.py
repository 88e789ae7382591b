"""What visitors notice of a deployment, beside what is done by hand: scripts/benchmark switch [--runs N]."""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import host, table, waits
from benchmarks.switch_site import Site
from tests.e2e.conftest import Machines
from tests.e2e.machine_bench import running_bench
from tests.e2e.visitors import Summary, Visit
from tests.lane import LANE

RESULTS = Path(__file__).parent / "switch.md"
STATE = Path(os.environ.get("ECDEPLOYER_TEST_STATE", "/var/lib/ecdeployer-benchmark")) / "cloud"
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
        seen.setdefault(label, []).append(waits.watch(site.address, deed))
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
        f"{waits.RATE} requests a second, each on a connection of its own, "
        f"for {waits.SECONDS} seconds or until\n"
        "the deployment has ended; one in 400 takes 5 s on the site, one in 1,000 uploads 4 MB in 10 s.\n"
        f"{runs} runs of each, in turns. Waits are counted from the moment a visitor meant to ask, without\n"
        "what the slow ones take by themselves. Seconds: those of the whole deployment on the machine, or\n"
        "of the restart by hand, which fetches, installs, migrates and checks nothing."
    )
    return f"## What visitors notice\n\n{told}\n\n" + waits.render(seen)


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
