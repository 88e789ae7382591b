"""A local cloud leaves nothing on the host, however it ended."""

import secrets
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from localcloud import cgroups
from localcloud.names import Names
from tests.integration.localcloud.conftest import STATE, end, running, start

if TYPE_CHECKING:
    from tests.integration.localcloud.conftest import RunningCloud

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]


def traces(names: Names) -> set[str]:
    """Kinds of things on the host that carry the cloud's name."""
    links = subprocess.run(["ip", "-brief", "link"], capture_output=True, text=True, check=True).stdout
    tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
    groups = set(cgroups.hierarchies(cgroups.MOUNTS.read_text()).values())
    commands = (_command(process) for process in Path("/proc").glob("[0-9]*"))
    found = {
        "mounts": f"{names.run}/" in Path("/proc/self/mounts").read_text(),
        "links": names.bridge in links or names.link("")[:6] in links,
        "rules": names.table in tables,
        "groups": any((point / names.group).exists() for point in groups),
        "processes": any(f"--machine=lc-{names.cloud}-" in command for command in commands),
        "folders": names.run.exists(),
        "lock": names.lock.exists(),
    }
    return {kind for kind, there in found.items() if there}


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def with_machine(name: str) -> "RunningCloud":
    cloud = start(name)
    cloud.online(cloud.launch())
    return cloud


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_takes_everything_away(number: int) -> None:
    cloud = with_machine(f"c{secrets.token_hex(4)}")
    assert len(traces(cloud.names)) == 7

    assert end(cloud, number) == 0

    assert traces(cloud.names) == set()


def test_what_a_killed_one_left_is_cleared_at_the_next_start() -> None:
    name = f"k{secrets.token_hex(4)}"
    cloud = with_machine(name)
    end(cloud, signal.SIGKILL)
    assert len(traces(cloud.names)) == 7

    with running(name) as again:
        assert traces(again.names) == {"links", "rules", "groups", "lock"}
        again.online(again.launch())

    assert traces(cloud.names) == set()


def test_down_ends_one_that_runs_and_clears_one_that_was_killed() -> None:
    command = [sys.executable, "-m", "localcloud", "down", "--state", str(STATE), "--name"]
    alive, killed = f"d{secrets.token_hex(4)}", f"e{secrets.token_hex(4)}"
    clouds = [start(alive), with_machine(killed)]
    end(clouds[1], signal.SIGKILL)

    for name in (alive, killed):
        subprocess.run([*command, name], check=True, timeout=60)

    assert clouds[0].process.wait(10) == 0
    assert [traces(cloud.names) for cloud in clouds] == [set(), set()]
    if clouds[0].process.stdout:
        clouds[0].process.stdout.close()


def test_two_of_one_name_are_refused(cloud: "RunningCloud") -> None:
    with pytest.raises(AssertionError, match="runs already"):
        start(cloud.name)
    assert cloud.client("ec2").describe_regions()["Regions"]
