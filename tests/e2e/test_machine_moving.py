"""What a site keeps, from one booted machine to another (docs/decisions/0024-moving-a-site.md)."""

import time
from typing import Any

import pytest

from tests.e2e import machine_projects as projects
from tests.e2e.conftest import LiveSite
from tests.e2e.machine_bench import Acted, Bench, wait_for
from tests.e2e.test_machine_shapes import CACHE, database

MEDIA = "/srv/ecdeployer/shared/media"
#: Every kind at once, in the settings of somebody's compose file.
EVERYTHING: tuple[dict[str, str], dict[str, Any]] = (
    {"DATABASES": database("postgresql"), "CACHES": repr({"default": CACHE}),
     "SESSION_ENGINE": '"django.contrib.sessions.backends.cache"'},
    {"services": ("postgresql", "redis"), "database": "postgresql"},
)  # fmt: skip
SITES = {
    "sqlite": ({}, {}),
    "everything": EVERYTHING,
    "mariadb": ({"DATABASES": database("mysql")}, {"database": "mysql"}),
}


class Move:
    """One move of a published project's data between two machines."""

    def __init__(self, bench: Bench, old: str, new: str) -> None:
        self.bench, self.old, self.new = bench, old, new
        self.key = ""

    def hand_over(self, *, lease: float = 300) -> dict[str, Any]:
        key = self.bench.act(self.new, "expect", {}).answer()["key"]
        answer = self.bench.act(self.old, "hand-over", {"key": key, "lease": lease}).answer()
        self.key = answer["key"]
        return answer

    def take_over(self) -> Acted:
        reservations = self.bench.ec2.describe_instances(InstanceIds=[self.old])["Reservations"]
        source = reservations[0]["Instances"][0]["PrivateIpAddress"]
        return self.bench.act(self.new, "take-over", {"key": self.key, "source": source}, seconds=300)

    def back(self, *, seconds: float) -> float:
        """How long it took the old machine to serve again."""
        begun = time.monotonic()
        wait_for(lambda: self.bench.get(self.old)[0] == 200 or None, seconds=seconds, what="the old machine")
        return time.monotonic() - begun


@pytest.fixture
def two(bench: Bench, live: LiveSite) -> Any:
    def make(name: str, site: tuple[dict[str, str], dict[str, Any]]) -> Move:
        settings, changes = site
        files = projects.with_requirements(projects.plain(**settings), "django~=5.2.0\nredis\n")
        old = live(name, files, None, **changes)
        for _ in range(3):
            bench.get(old, "/visits/?add=1")
        upload = f"umask 022; mkdir -p {MEDIA}/a; echo kept >{MEDIA}/a/b.txt; chown -R site:site {MEDIA}"
        bench.shell(old, f"{upload}; redis-cli set kept yes; true")
        return Move(bench, old, live(name, files, None, **changes))

    return make


@pytest.mark.parametrize("kind", SITES)
def test_a_site_is_moved_whole(bench: Bench, two: Any, kind: str) -> None:
    move = two(f"moved{kind}", SITES[kind])
    told = bench.act(move.old, "measure", {}).answer()["bytes"]
    assert all(size > 0 for size in told.values())
    handed = move.hand_over()
    assert set(handed["bytes"]) == set(told)
    status, _, headers = bench.get(move.old, "/visits/")
    assert (status, headers["Retry-After"]) == (503, "30")
    assert bench.get(move.old, "/.well-known/ecdeployer/")[0] in (403, 404, 503)
    assert bench.shell(move.old, "pgrep -u site || echo none").strip() == "none"
    assert bench.act(move.old, "manage", {"words": ["check"]}).code != 0
    taken = move.take_over()
    assert taken.code == 0, taken.text
    assert bench.get(move.new, "/visits/?add=1")[1] == '{"visits": 4, "release": "one"}'
    assert bench.get(move.new, "/media/a/b.txt")[1] == "kept\n"
    owner = bench.shell(move.new, f"stat -c %U:%G:%a {MEDIA}/a/b.txt; ls -A /srv/ecdeployer/shared")
    assert owner.splitlines()[0] == "site:site:644"
    assert ".incoming" not in owner
    if kind == "everything":
        assert bench.shell(move.new, "redis-cli get kept").strip() == "yes"
    move.bench.act(move.old, "resume", {}).answer()
    assert bench.get(move.old, "/visits/")[1] == '{"visits": 3, "release": "one"}'
    left = bench.shell(move.old, "ls -d /var/lib/ecdeployer/hand-over /run/ecdeployer.*; true")
    assert left.split() == ["/run/ecdeployer.lease", "/run/ecdeployer.lock", "/run/ecdeployer.turn"]


def test_a_move_that_fails_leaves_the_old_site(bench: Bench, two: Any) -> None:
    """What was changed on its way is refused before anything is replaced; no portal is waited for."""
    move = two("failing", SITES["sqlite"])
    move.hand_over()
    flip = (
        "f=/var/lib/ecdeployer/hand-over/files; printf X | dd of=$f bs=1 seek=5000 conv=notrunc status=none"
    )
    bench.shell(move.old, flip)
    taken = move.take_over()
    assert taken.code != 0
    assert "is not what the other machine sealed" in taken.text
    assert bench.get(move.new, "/visits/")[1] == '{"visits": 0, "release": "one"}'
    bench.act(move.old, "resume", {}).answer()
    assert bench.get(move.old, "/visits/?add=1")[1] == '{"visits": 4, "release": "one"}'
    assert bench.act(move.old, "hold", {"lease": 60}).code != 0
    move.hand_over(lease=8)
    assert bench.act(move.old, "hold", {"lease": 8}).code == 0
    assert bench.get(move.old)[0] == 503
    move.back(seconds=40)
    assert bench.act(move.old, "hold", {"lease": 60}).code != 0
    move.hand_over()
    bench.shell(move.old, "systemctl kill --signal=KILL ecdeployer-standing")
    move.back(seconds=40)
    move.hand_over()
    bench.ec2.reboot_instances(InstanceIds=[move.old])
    move.back(seconds=90)
    assert bench.get(move.old, "/visits/")[1] == '{"visits": 4, "release": "one"}'
    assert bench.shell(move.old, "ls /etc/tmpfiles.d | grep held; true") == ""


def test_how_long_visitors_wait(bench: Bench, two: Any) -> None:
    """With 50 MB: docs/operating.md says what is printed here."""
    move = two("waiting", SITES["sqlite"])
    bench.shell(move.old, f"head -c 50000000 /dev/urandom >{MEDIA}/large; chown site:site {MEDIA}/large")
    begun = time.monotonic()
    handed = move.hand_over()
    between = time.monotonic()
    taken = move.take_over()
    ended = time.monotonic()
    assert taken.code == 0, taken.text
    print(f"hand-over {between - begun:.1f} s ({handed}), take-over {ended - between:.1f} s")
    assert bench.shell(move.new, f"stat -c %s {MEDIA}/large").strip() == "50000000"
