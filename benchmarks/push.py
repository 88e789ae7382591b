"""From ``git push`` to the changed page, and what visitors notice: scripts/benchmark push [--runs N]."""

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import boto3

from benchmarks import host, machines, table, waits
from tests.e2e import machine_projects as projects
from tests.e2e.visitors import Summary, Visit
from tests.integration.deployment_stack import BRIDGE, CLOUD_PORT, GIT_PORT, wait_until
from tests.integration.pushed_site import Site, running_site

RESULTS = Path(__file__).parent / "push.md"
FILES = projects.plain(DEBUG="False", ALLOWED_HOSTS='["*"]')
STEPS = (
    ("push", "git push, to the webhook's answer"),
    ("queue", "wait for a worker"),
    ("preflight", "read the repository"),
    ("way", "the command's way to the machine"),
    ("clone", "clone"),
    ("venv", "virtual environment"),
    ("install", "install: nothing has changed"),
    ("configure", "configure"),
    ("collectstatic", "collect static files"),
    ("migrate", "migrate: nothing to do"),
    ("start", "start, to the first answer"),
    ("health", "switch, check"),
    ("page", "**push to changed page**"),
    ("live", "**push to “live” in the portal**"),
)
_WORK = ("clone", "install", "migrate", "collectstatic", "start")
#: What somebody types for the next commit, in a folder whose environment is there from the last one.
_PREPARE = r"""
set -e
PATH=$PATH:/opt/ecdeployer/venv/bin
export HOME=/var/tmp UV_CACHE_DIR=/var/cache/ecdeployer/uv UV_SYSTEM_CERTS=1 UV_NO_PROGRESS=1
if [ "$(stat -f -c %T /var/cache)" = overlayfs ]; then export UV_LINK_MODE=symlink; fi
mkdir -p /var/tmp/hand
cd /var/tmp/hand
"""
_FIRST = r"""
uv venv -q --python /usr/bin/python3 venv
uv pip install -q --python venv/bin/python 'django~=5.2.0' gunicorn
"""
_NEXT = r"""
rm -rf source static
now() { echo "$1 $(date +%s.%N)"; }
now begin
git clone -q --depth 1 REPOSITORY source; now clone
uv pip install -q --python venv/bin/python -r source/requirements.txt; now install
cd source/mysite
echo 'STATIC_ROOT = "/var/tmp/hand/static"' >>mysite/settings.py
python=../../venv/bin/python
$python manage.py migrate --noinput >/dev/null; now migrate
$python manage.py collectstatic --noinput >/dev/null; now collectstatic
../../venv/bin/gunicorn -b 127.0.0.1:9999 mysite.wsgi >/dev/null 2>&1 &
until curl -sf -o /dev/null http://127.0.0.1:9999/; do sleep 0.02; done; now start
kill $!
"""


def main() -> int:
    """The exit code: 0 unless a run failed."""
    options = argparse.ArgumentParser(prog="scripts/benchmark push", allow_abbrev=False)
    options.add_argument("--runs", type=int, default=5)
    runs: int = options.parse_args().runs
    with tempfile.TemporaryDirectory(prefix="ecdeployer-benchmark-") as folder:
        Path(folder).chmod(0o755)
        with running_site(Path(folder), FILES) as site:
            ours, hand = _steps(site, runs)
            switches = waits.render(_switches(site, runs, DEEDS))
            away = waits.render_away(_switches(site, runs, AWAY, rate=AWAY_RATE))
            text = _report(ours, hand, runs, switches=switches, away=away)
    RESULTS.write_text(text)
    print(text)
    return 0


# From push to live


def _steps(site: Site, runs: int) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    """In turns, so that whatever else the host does meets both alike. The first of each is not counted."""
    _shell(site, _PREPARE + _FIRST)
    ours, hand = [], []
    for number in range(runs + 1):
        ours.append(_push(site))
        hand.append(_by_hand(site))
        work = sum(hand[-1][name] for name in _WORK)
        print(f"push {number}: page after {ours[-1]['page']:.1f} s; by hand {work:.1f} s", flush=True)
    return ours[1:], hand[1:]


def _push(site: Site) -> dict[str, float]:
    commit = site.commit_next()
    began = time.time()
    site.forge.push()
    seconds = {"push": time.time() - began}
    while site.shows() != site.name:
        time.sleep(0.05)
    seconds["page"] = time.time() - began
    deployment = site.deployed(commit)
    _insist(deployment)
    steps = site.portal.call("GET", f"/deployments/{deployment['id']}/steps")["steps"]
    seconds["queue"] = _between(deployment["queued_at"], deployment["started_at"])
    seconds |= {each["name"]: _between(each["started_at"], each["finished_at"]) for each in steps}
    at = {each["name"]: each for each in steps}
    seconds["way"] = _between(at["preflight"]["finished_at"], at["clone"]["started_at"])
    return seconds | {"live": _moment(deployment["finished_at"]) - began}


def _by_hand(site: Site) -> dict[str, float]:
    """Seconds by step, on the machine that serves."""
    repository = f"http://{BRIDGE}:{GIT_PORT}/{site.forge.name}"
    said = _shell(site, _PREPARE + _NEXT.replace("REPOSITORY", repository))
    moments = [(name, float(moment)) for name, moment in re.findall(r"^(\w+) ([\d.]+)$", said, re.MULTILINE)]
    return {name: at - before for (_, before), (name, at) in pairwise(moments)}


def _shell(site: Site, script: str) -> str:
    endpoint = f"http://127.0.0.1:{CLOUD_PORT}"
    session = boto3.Session("test", "test", region_name="eu-west-1")
    return machines.shell(session.client("ssm", endpoint_url=endpoint), site.instance, script)


def _between(begun: str | None, ended: str | None) -> float:
    return _moment(ended) - _moment(begun) if begun and ended else 0.0


def _moment(text: str | None) -> float:
    return datetime.fromisoformat(text).timestamp() if text else 0.0


def _insist(deployment: dict[str, Any]) -> None:
    if deployment["state"] != "succeeded":
        raise RuntimeError(f"a deployment failed: {deployment['reason']}")


# What visitors notice

Deed = Callable[[Site], None]


def _nothing(_: Site) -> None:
    pass


def _deploy(site: Site) -> None:
    commit = site.commit_next()
    site.forge.push()
    _insist(site.deployed(commit))


def _roll_back(site: Site) -> None:
    done = [each for each in site.portal.deployments(site.pk) if each["state"] == "succeeded"]
    before = next(each for each in done[1:] if each["kind"] != "rollback")
    _await(site, site.portal.call("POST", f"/deployments/{before['id']}/rollback")["id"])


def _change_environment(site: Site) -> None:
    body = {"set": {"CHANGED": f"{time.time()}"}, "apply": True}
    changed = site.portal.call("PATCH", f"/applications/{site.pk}/environment", body)
    _await(site, changed["deployment_id"])


def _deploy_again(site: Site) -> None:
    asked = site.portal.call("POST", f"/applications/{site.pk}/deployments", {"again": True})
    _await(site, asked["id"])


def _await(site: Site, deployment: str) -> None:
    _insist(site.portal.end_of(deployment))


def _restart(site: Site) -> None:
    """Gunicorn's workers, one after the other."""
    site.processes()
    site.processes("web/restart")


def _maintain(site: Site) -> None:
    for is_on in (True, False):
        site.maintain(on=is_on)
        time.sleep(2)


def _reboot(site: Site) -> None:
    _change(site, "reboot", {})


def _resize(site: Site) -> None:
    now = site.portal.call("GET", f"/applications/{site.pk}/machine")["instance"]["instance_type"]
    _change(site, "resize", {"instance_type": "t3.small" if now == "t3.micro" else "t3.micro"})


def _change(site: Site, kind: str, body: dict[str, str]) -> None:
    address = f"/applications/{site.pk}/machine"
    site.portal.call("POST", f"{address}/{kind}", body)
    wait_until(lambda: site.portal.call("GET", address)["change"]["state"] != "running", seconds=300)
    change = site.portal.call("GET", address)["change"]
    if change["state"] != "succeeded":
        raise RuntimeError(f"{kind} failed: {change['reason']}")


def _rebuild(site: Site) -> None:
    _await(site, site.portal.call("POST", f"/applications/{site.pk}/machine/rebuild")["id"])


DEEDS: tuple[tuple[str, Deed], ...] = (
    ("nothing", _nothing),
    ("a push", _deploy),
    ("back to an earlier release", _roll_back),
    ("a changed environment, applied at once", _change_environment),
    ("the live commit once more", _deploy_again),
    ("its workers started anew", _restart),
)
#: Of these a visitor has to notice something.
AWAY: tuple[tuple[str, Deed], ...] = (
    ("maintenance on, and off after two seconds", _maintain),
    ("the machine rebooted", _reboot),
    ("the machine of another type", _resize),
    ("another machine, with what the site keeps", _rebuild),
)
#: Of those who come while nothing answers each waits for a connection.
AWAY_RATE = 10


def _switches(
    site: Site, runs: int, deeds: Sequence[tuple[str, Deed]], *, rate: int = waits.RATE
) -> dict[str, list[tuple[float, list[Visit]]]]:
    """In turns, so that whatever else the host does meets all alike."""
    seen: dict[str, list[tuple[float, list[Visit]]]] = {}
    for _ in range(runs):
        for label, deed in deeds:
            seen.setdefault(label, []).append(waits.watch(site.address, _timed(site, deed), rate=rate))
            print(f"{label}: {Summary.of(seen[label][-1][1])}", flush=True)
    return seen


def _timed(site: Site, deed: Deed) -> Callable[[], float]:
    """Seconds from the asking to the portal's word that it is done; none for nothing."""

    def run() -> float:
        began = time.monotonic()
        deed(site)
        return 0.0 if deed is _nothing else time.monotonic() - began

    return run


_TEXT = """\
# From git push to live

{host}

`git push` to a bare repository, whose hook tells the portal as GitHub does; portal, worker, PostgreSQL,
Redis, git server, visitors and the machine share the cores.

## By step

A commit that changes code alone. Medians of {runs} runs, in turns with the same work by hand on the same
machine: `git clone`, `uv pip install` where nothing has changed, `migrate`, `collectstatic`, gunicorn to its
first answer, one after another. Ours runs `migrate` and `collectstatic` side by side, starts the new release
beside the old one, and switches when it answers.

{steps}

- By hand {work:.1f} s. Ours from push to the changed page {page:.1f} s, {ratio:.2f} times that; on the
  machine alone, from clone to switch, {machine:.1f} s, {machine_ratio:.2f} times.

## What visitors notice

{rate} requests a second, each on a connection of its own, for {seconds} seconds or until the change is live;
one in 400 takes 5 s on the site, one in 1,000 uploads 4 MB in 10 s. {runs} runs of each, in turns. Waits are
counted from the moment a visitor meant to ask, without what the slow ones take by themselves. Seconds: from
the request to the portal until it says that it is live.

{switches}

What takes a site away, under {away_rate} requests a second of the same kinds. Told to come back: 503 and
Retry-After. Away: from the first visitor whom the site has not answered within a second to the last, be it
one whose upload of ten seconds had begun before.

{away}
"""


def _report(
    ours: list[dict[str, float]], hand: list[dict[str, float]], runs: int, *, switches: str, away: str
) -> str:
    mine, theirs = table.medians(ours), table.medians(hand)
    work = sum(theirs[name] for name in _WORK)
    machine = mine["page"] - mine["push"] - mine["queue"] - mine["preflight"] - mine["way"]
    return _TEXT.format(
        host=host.describe(),
        runs=runs,
        steps="\n".join(table.rows(ours, hand, STEPS)),
        work=work,
        page=mine["page"],
        ratio=mine["page"] / work,
        machine=machine,
        machine_ratio=machine / work,
        rate=waits.RATE,
        seconds=waits.SECONDS,
        switches=switches,
        away=away,
        away_rate=AWAY_RATE,
    )


if __name__ == "__main__":
    sys.exit(main())
