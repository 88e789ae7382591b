"""Maintenance on a machine: 503 for visitors and nothing else for them, the site for those let through."""

import json
import threading
import time
from collections.abc import Iterator
from textwrap import dedent
from typing import Any
from urllib.parse import urlsplit

import pytest
from ecdeployer.cloud_init.nginx import check_token

from tests.e2e import machine_projects as projects
from tests.e2e.conftest import Machines
from tests.e2e.machine_bench import Bench, Report, wait_for
from tests.e2e.visitors import Crowd, visitors

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]
#: See tests/conftest.py.
IN_ORDER = True

NAME = "maintained"
FILES = projects.plain()
OWN = "<h1>The bakery is closed</h1>"
WANTED: dict[str, Any] = {
    "revision": 1,
    "on": False,
    "around": False,
    "retry_after": 600,
    "message": "Back at noon.",
    "addresses": [],
}


class Site:
    """One machine that serves, what is pushed to it, and what the portal wants of it."""

    def __init__(self, bench: Bench, machines: Machines) -> None:
        self.bench, self.machines = bench, machines
        self.number, self.wanted = 1, dict(WANTED)
        self.instance, self.first = machines.first(NAME, FILES)
        self.token = ""

    def push(self, files: projects.Files, **changes: Any) -> Report:
        self.number += 1
        name, given = NAME, {"maintenance": dict(self.wanted)} | changes
        return self.machines.again(name, files, self.instance, number=self.number, **given)

    def want(self, **changes: Any) -> str:
        """As the portal tells it: what the program said."""
        self.wanted |= changes | {"revision": self.wanted["revision"] + 1}
        told = json.dumps(self.wanted)
        run = "python3 -sEm user_data.maintenance want"
        return self.bench.shell(self.instance, f"cd /opt/ecdeployer && {run} <<'TOLD'\n{told}\nTOLD").strip()

    def script(self, *words: str) -> None:
        run = "python3 -sEm user_data.maintenance"
        self.bench.shell(self.instance, f"cd /opt/ecdeployer && {run} {' '.join(words)}")

    def get(self, path: str = "/", **headers: str) -> tuple[int, str, Any]:
        return self.bench.get(self.instance, path, **headers)

    def status(self) -> int:
        return self.get()[0]


@pytest.fixture(scope="module")
def site(bench: Bench) -> Iterator[Site]:
    machines = Machines(bench)
    made = Site(bench, machines)
    assert made.first.result
    assert made.first.result["state"] == "succeeded", made.first.texts
    yield made
    for instance in machines.launched:
        bench.terminate(instance)


@pytest.fixture(autouse=True)
def off(site: Site) -> Iterator[None]:
    yield
    site.want(**{name: WANTED[name] for name in WANTED if name != "revision"})


def unwanted(crowd: Crowd) -> list[Any]:
    """Answers that are neither the site's nor maintenance's own."""
    return [each for each in crowd.failed if each.status != 503 or "Down for maintenance" not in each.body]


def test_switching_under_load_costs_nothing_but_the_answers_that_are_wanted(site: Site) -> None:
    address = site.bench.address(site.instance)
    with visitors(address) as crowd:
        time.sleep(3)
        for _ in range(3):
            assert site.want(on=True) == "Maintenance is on."
            time.sleep(2)
            assert site.want(on=False) == "Maintenance is off."
            time.sleep(2)
    closed = [each for each in crowd.visits if each.status == 503]
    assert unwanted(crowd) == []
    assert len(closed) > 100
    assert not [each for each in closed if each.path.startswith("/static/")]
    assert max(crowd.visits, key=lambda visit: visit.at).status == 200
    print(f"{len(crowd.visits)} requests, {len(closed)} answered with maintenance")


def test_what_visitors_get_and_who_sees_the_site(site: Site) -> None:
    site.want(on=True)
    # A worker of nginx that is on its way out may take one more connection.
    wait_for(lambda: site.status() == 503 or None, seconds=10, what="maintenance")
    status, page, headers = site.get("/visits/")
    assert (status, headers["Retry-After"], headers["X-Ecdeployer-Maintenance"]) == (503, "600", "1")
    assert "Back at noon." in page
    host = urlsplit(site.bench.listener.url).hostname
    assert site.want(addresses=[f"{host}/32"]) == "Maintenance is on."
    assert wait_for(lambda: site.status() == 200 or None, seconds=10, what="being let through")
    site.want(addresses=["203.0.113.0/24"])
    assert wait_for(lambda: site.status() == 503 or None, seconds=10, what="being let through no more")


def test_a_deployment_in_maintenance_is_proven_and_changes_nothing_of_it(site: Site) -> None:
    site.want(on=True)
    files = {**projects.release(FILES, "two"), "mysite/maintenance.html": OWN}
    report = site.push(files)
    assert report.result
    assert report.result["state"] == "succeeded", report.texts
    assert site.get()[:2] == (503, OWN)
    check = check_token(report.token)
    assert site.get("/", **{"X-Ecdeployer-Check": check})[:2] == (200, "<h1>release two</h1>")
    back = f"{site.number - 1:06d}"
    returned = site.machines.again(
        NAME, FILES, site.instance, number=int(back), rollback_to=back, maintenance=dict(site.wanted)
    )
    assert returned.result
    assert returned.result["state"] == "succeeded"
    status, page, _ = site.get()
    assert (status, "Down for maintenance" in page) == (503, True)


def test_it_stays_through_a_reboot(site: Site) -> None:
    site.want(on=True)
    site.bench.ec2.reboot_instances(InstanceIds=[site.instance])
    wait_for(lambda: site.status() == 0 or None, seconds=30, what="the machine to go away")
    assert wait_for(lambda: site.status() or None, seconds=60, what="it to answer again") == 503
    time.sleep(5)
    assert site.status() == 503


def test_another_script_closes_the_site_for_a_time(site: Site) -> None:
    site.script("on", "move", "--until", "1764169200")
    assert wait_for(lambda: site.status() == 503 or None, seconds=10, what="maintenance")
    assert site.get()[2]["Retry-After"] == "Wed, 26 Nov 2025 15:00:00 GMT"
    site.script("off", "move")
    assert wait_for(lambda: site.status() == 200 or None, seconds=10, what="the site")


def migrating(name: str, body: str) -> projects.Files:
    text = f"""\
    import time
    from django.db import migrations


    def go(apps, editor):
        time.sleep(4)
        {body}


    class Migration(migrations.Migration):
        dependencies = [("pages", "0001_initial")]
        operations = [migrations.RunPython(go, go)]
    """
    return {**projects.release(FILES, name), f"mysite/pages/migrations/0002_{name}.py": dedent(text)}


def watched(site: Site, files: projects.Files) -> tuple[Report, list[int]]:
    """A deployment, and what visitors got meanwhile."""
    seen: list[int] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.1):
            seen.append(site.status())

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        return site.push(files), seen
    finally:
        over.set()
        watcher.join()


@pytest.mark.parametrize(("body", "state"), [('raise ValueError("no")', "failed"), ("pass", "succeeded")])
def test_it_is_on_by_itself_while_a_deployment_migrates(site: Site, body: str, state: str) -> None:
    site.wanted["around"] = True
    report, seen = watched(site, migrating("slow", body))
    assert report.result
    assert report.result["state"] == state, report.texts
    assert set(seen) == {200, 503}
    assert seen.count(503) > 5
    assert wait_for(lambda: site.status() == 200 or None, seconds=10, what="the site")
    assert "Visitors get the maintenance page" in report.texts["migrate"]


def test_what_a_person_switched_on_stays_on_when_a_deployment_ends(site: Site) -> None:
    site.wanted["around"] = True
    site.want(on=True)
    report = site.push(projects.release(FILES, "last"))
    assert report.result
    assert report.result["state"] == "succeeded"
    assert site.status() == 503
    site.want(on=False)
    _, seen = watched(site, projects.release(FILES, "without migrations"))
    assert set(seen) == {200}
