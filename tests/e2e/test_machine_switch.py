"""From release to release and back under a hundred requests a second: none is lost, whatever is pushed."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e import machine_projects as projects
from tests.e2e.conftest import Machines
from tests.e2e.machine_bench import Bench, Report
from tests.e2e.visitors import Crowd, visitors

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

NAME = "switching"
FILES = projects.plain()
BAD_ROW = """\
from django.db import migrations


def go(apps, editor):
    raise ValueError("bad row")


class Migration(migrations.Migration):
    dependencies = [("pages", "0001_initial")]
    operations = [migrations.RunPython(go)]
"""


class Site:
    """One machine that serves, and what is pushed to it."""

    def __init__(self, bench: Bench, machines: Machines) -> None:
        self.bench, self.machines = bench, machines
        self.number = 1
        self.instance, self.first = machines.first(NAME, FILES)

    @property
    def address(self) -> str:
        return self.bench.address(self.instance)

    def push(self, files: projects.Files, **changes: Any) -> Report:
        self.number += 1
        return self.machines.again(NAME, files, self.instance, number=self.number, **changes)

    def roll_back(self, release: str) -> Report:
        return self.machines.again(NAME, FILES, self.instance, number=int(release), rollback_to=release)

    def live(self) -> str:
        """The release whose program runs, alone."""
        (program,) = self.bench.shell(self.instance, "supervisorctl status | cut -d' ' -f1").split()
        return program.removeprefix("site-")

    def shell(self, script: str) -> str:
        return self.bench.shell(self.instance, script).strip()


@pytest.fixture(scope="module")
def site(bench: Bench) -> Iterator[Site]:
    machines = Machines(bench)
    made = Site(bench, machines)
    assert made.first.result
    assert made.first.result["state"] == "succeeded", made.first.texts
    yield made
    for instance in machines.launched:
        bench.terminate(instance)


def releases(crowd: Crowd) -> set[str]:
    return {json.loads(visit.body)["release"] for visit in crowd.visits if visit.body.startswith("{")}


def test_no_request_is_lost_from_release_to_release_and_back(site: Site) -> None:
    before = site.live()
    packages = site.shell(f"readlink /srv/ecdeployer/releases/{before}/venv")
    with visitors(site.address) as crowd:
        pushed = site.push(projects.release(FILES, "next"))
        assert pushed.result
        assert pushed.result["state"] == "succeeded", pushed.texts
        after = site.live()
        returned = site.roll_back(before)
    assert crowd.failed == []
    paths = {visit.path for visit in crowd.visits}
    assert {"/", "/static/pages/style.css", "/visits/?slow=5", "/receive/"} <= paths
    assert releases(crowd) == {"one", "next"}
    assert after == f"{site.number:06d}"
    assert site.shell(f"readlink /srv/ecdeployer/releases/{after}/venv") == packages
    reason = f"Release {before} serves again."
    assert returned.result == {"state": "succeeded", "step": "health", "reason": reason, "code": ""}
    assert [event["step"] for event in returned.events] == ["start", "start", "health", "health"]
    assert site.live() == before
    assert site.bench.get(site.instance)[1] == "<h1>release one</h1>"


WITH_HASHES = """{
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
}"""


def test_a_page_that_is_open_finds_its_style_after_a_push_and_a_return(site: Site) -> None:
    pages, releases = [], []
    for color in ("red", "green", "blue"):
        sheet = f"body {{ color: {color} }}\n"
        name = hashlib.md5(sheet.encode(), usedforsecurity=False).hexdigest()[:12]
        pages.append((f"/static/pages/style.{name}.css", (200, sheet)))
        report = site.push(
            {**projects.plain(STORAGES=WITH_HASHES), "mysite/pages/static/pages/style.css": sheet}
        )
        assert report.result
        assert report.result["state"] == "succeeded", report.texts
        releases.append(site.live())
        for path, answer in pages[-2:]:
            assert site.bench.get(site.instance, path)[:2] == answer
        assert site.bench.get(site.instance, "/static/pages/style.css")[:2] == (200, sheet)
    assert site.bench.get(site.instance, pages[0][0])[0] == 404
    site.roll_back(releases[1])
    assert site.live() == releases[1]
    for path, answer in pages:
        assert site.bench.get(site.instance, path)[:2] == answer


#: For as long as more visitors come than Debian's nginx would let wait on two processors.
STALL = "pkill -STOP -u site; sleep 15; pkill -CONT -u site"


def test_a_site_that_stalls_turns_nobody_away(site: Site) -> None:
    with visitors(site.address) as crowd:
        site.shell(STALL)
    assert crowd.failed == []
    assert max(visit.late for visit in crowd.visits) > 10


PUSHES: dict[str, tuple[projects.Files, str, str, str]] = {
    "requirement": ({"requirements.txt": "django==99.1\n"}, "install", "install-failed", "django==99.1"),
    "migration": (
        {"mysite/pages/migrations/0002_more.py": BAD_ROW},
        "migrate",
        "migrate-failed",
        "ValueError: bad row (mysite/pages/migrations/0002_more.py, line 5)",
    ),
    "settings": (
        {"mysite/mysite/settings.py": "import nothing_of_the_kind\n" + projects.SETTINGS},
        "configure",
        "configure-failed",
        "No module named 'nothing_of_the_kind' (mysite/mysite/settings.py, line 1)",
    ),
    "variable": (
        {"mysite/mysite/settings.py": projects.SETTINGS + 'import os\n\nKEY = os.environ["PAYMENT_KEY"]\n'},
        "configure",
        "environment-variable-missing",
        "The project needs the environment variable PAYMENT_KEY, which is not set",
    ),
    "wsgi": (
        {"mysite/mysite/wsgi.py": "import json\n\njson.nothing\n"},
        "start",
        "start-failed",
        "module 'json' has no attribute 'nothing' (mysite/mysite/wsgi.py, line 3)",
    ),
    "page": (
        {"mysite/pages/views.py": projects.VIEWS.replace('HttpResponse(f"<h1>', 'HttpResponse(1 / 0 or f"')},
        "health",
        "health-server-error",
        "GET / answers 500: ZeroDivisionError: division by zero (mysite/pages/views.py, line",
    ),
}


@pytest.mark.parametrize("name", PUSHES)
def test_a_broken_push_fails_with_its_reason_and_no_visitor_notices(site: Site, name: str) -> None:
    broken, step, code, words = PUSHES[name]
    before, page = site.live(), site.bench.get(site.instance)[1]
    with visitors(site.address) as crowd:
        report = site.push({**FILES, **broken})
    assert report.result
    assert (report.result["state"], report.result["step"], report.result["code"]) == ("failed", step, code)
    assert words in report.result["reason"]
    assert crowd.failed == []
    assert len(releases(crowd)) == 1
    assert (site.live(), site.bench.get(site.instance)[1]) == (before, page)
    assert site.shell("readlink /srv/ecdeployer/current") == f"releases/{before}"


def test_a_release_that_is_gone_cannot_serve_again(site: Site) -> None:
    before = site.live()
    report = site.roll_back("000999")
    assert report.result
    assert (report.result["step"], report.result["code"]) == ("start", "release-gone")
    assert report.result["reason"] == "Release 000999 is not on the machine any more."
    assert site.live() == before
    assert site.bench.get(site.instance)[0] == 200


def test_a_release_comes_back_with_its_own_packages(site: Site) -> None:
    before = site.live()
    files = projects.with_requirements(FILES, "django~=5.2.0\npytz\n")
    report = site.push(files)
    assert report.result
    assert report.result["state"] == "succeeded", report.texts
    ask = "/srv/ecdeployer/current/venv/bin/python -c 'import pytz; print(1)' 2>/dev/null || echo 0"
    assert site.shell(ask) == "1"
    site.roll_back(before)
    assert (site.live(), site.shell(ask)) == (before, "0")


#: The releases move to a file system of their own.
SMALL_DISK = """\
mkdir /mnt/small
mount -t tmpfs -o size={size},mode=755 small /mnt/small
cp -a /srv/ecdeployer/releases/. /mnt/small
mount --bind /mnt/small /srv/ecdeployer/releases
"""
WHOLE_DISK = "umount /srv/ecdeployer/releases && umount /mnt/small && rmdir /mnt/small"


def test_a_full_disk_is_noticed_before_anything_is_written(site: Site) -> None:
    before = site.live()
    site.shell(SMALL_DISK.format(size="250m"))
    try:
        report = site.push(projects.release(FILES, "too much"))
        kept = site.shell("ls /srv/ecdeployer/releases").split()
    finally:
        site.shell(WHOLE_DISK)
    assert report.result
    assert (report.result["state"], report.result["code"]) == ("failed", "disk-full")
    assert "MiB and" in report.result["reason"]
    assert "A deployment needs" in report.result["reason"]
    assert before in kept
    assert site.live() == before
    assert site.bench.get(site.instance)[0] == 200


FILL = """
with open(BASE_DIR / "filling", "wb") as file:
    for _ in range(600):
        file.write(bytes(2**20))
"""


def test_a_disk_that_fills_up_on_the_way_is_told_as_such(site: Site) -> None:
    before = site.live()
    site.shell(SMALL_DISK.format(size="500m"))
    try:
        report = site.push({**FILES, "mysite/mysite/settings.py": projects.SETTINGS + FILL})
    finally:
        site.shell(WHOLE_DISK)
    assert report.result
    told = (report.result["state"], report.result["step"], report.result["code"])
    assert told == ("failed", "configure", "disk-full")
    assert "It was used up during the deployment." in report.result["reason"]
    assert site.live() == before
    assert site.bench.get(site.instance)[0] == 200
