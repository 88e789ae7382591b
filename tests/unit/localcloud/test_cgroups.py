import subprocess
from pathlib import Path

import pytest

from localcloud import cgroups
from localcloud.cgroups import Group

HYBRID = """\
tmpfs /sys/fs/cgroup tmpfs rw 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0
cgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0
cgroup /sys/fs/cgroup/systemd cgroup rw,name=systemd 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0
"""
UNIFIED = "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n"


@pytest.fixture
def unified(tmp_path: Path) -> Path:
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    return tmp_path


def test_a_mixed_host_has_each_controller_where_it_is_mounted() -> None:
    found = cgroups.hierarchies(HYBRID)

    assert found == {
        "memory": Path("/sys/fs/cgroup/memory"),
        "pids": Path("/sys/fs/cgroup/pids"),
        "name=systemd": Path("/sys/fs/cgroup/systemd"),
        "unified": Path("/sys/fs/cgroup/unified"),
    }
    assert cgroups.lacking(found) == []


def test_a_host_of_version_2_has_one_hierarchy() -> None:
    assert cgroups.hierarchies(UNIFIED) == {"unified": Path("/sys/fs/cgroup")}


def test_controllers_are_missed(unified: Path) -> None:
    assert cgroups.lacking({}) == ["memory", "pids"]
    assert cgroups.lacking({"unified": unified}) == []
    (unified / "cgroup.controllers").write_text("cpu\n")
    assert cgroups.lacking({"unified": unified}) == ["memory", "pids"]


def test_version_2_enables_controllers_down_to_the_group_and_sets_limits(unified: Path) -> None:
    folder = unified / "cloud" / "i-1"
    for place in (unified, unified / "cloud", folder):
        place.mkdir(exist_ok=True)
        (place / "cgroup.controllers").write_text("cpu memory pids\n")
    for name in ("memory.max", "pids.max"):
        (folder / name).write_text("max")
    group = Group("cloud", "i-1", found={"unified": unified})

    group.create(memory=1024, pids=7)

    assert (unified / "cgroup.subtree_control").read_text() == "+memory +pids"
    assert (unified / "cloud/cgroup.subtree_control").read_text() == "+memory +pids"
    assert (folder / "memory.max").read_text() == "1024"
    assert (folder / "pids.max").read_text() == "7"
    assert group.unlimited() == []


def test_version_1_limits_memory_with_swap_and_processes(tmp_path: Path) -> None:
    found = {"memory": tmp_path / "memory", "pids": tmp_path / "pids"}
    names = {"memory": ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"), "pids": ("pids.max",)}
    for controller, files in names.items():
        folder = found[controller] / "cloud/i-1"
        folder.mkdir(parents=True)
        for name in files:
            (folder / name).write_text("max")

    Group("cloud", "i-1", found=found).create(memory=1024, pids=7)

    assert (tmp_path / "memory/cloud/i-1/memory.limit_in_bytes").read_text() == "1024"
    assert (tmp_path / "memory/cloud/i-1/memory.memsw.limit_in_bytes").read_text() == "1024"
    assert (tmp_path / "pids/cloud/i-1/pids.max").read_text() == "7"


def test_a_host_without_limits_is_told(tmp_path: Path) -> None:
    group = Group("cloud", "i-1", found={"unified": tmp_path})
    group.create(memory=1024, pids=7)

    assert group.unlimited() == ["memory", "pids"]


def test_a_process_enters_before_it_becomes_the_command(tmp_path: Path) -> None:
    group = Group("cloud", "i-1", found={"memory": tmp_path / "a", "pids": tmp_path / "b"})
    group.create()

    command = group.enter(["/bin/sh", "-c", 'echo $$ "$1"', "sh", "two  words; $(id)"])
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    process, words = said.rstrip("\n").split(" ", 1)
    assert words == "two  words; $(id)"
    assert [(folder / "cgroup.procs").read_text().strip() for folder in group.folders] == [process, process]


def test_processes_are_found_below_and_empty_folders_removed(tmp_path: Path) -> None:
    inner = tmp_path / "group" / "payload" / "system.slice"
    inner.mkdir(parents=True)
    (inner / "cgroup.procs").write_text("11\n12\n")
    (tmp_path / "group/cgroup.procs").write_text("10\n")
    assert sorted(cgroups.processes(tmp_path / "group")) == [10, 11, 12]

    (inner / "cgroup.procs").unlink()
    (tmp_path / "group/cgroup.procs").unlink()
    cgroups.remove(tmp_path / "group")
    assert not (tmp_path / "group").exists()
