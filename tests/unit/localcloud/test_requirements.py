import os
import shutil
import sys
from pathlib import Path

import pytest

from localcloud import cgroups, requirements

PLACES = "/dev/vda / ext4 rw 0 0\noverlay /merged overlay rw 0 0\ntmpfs /merged/tmp tmpfs rw 0 0\n"


def test_another_system_is_told_and_nothing_else_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert requirements.missing() == [
        "Linux is needed to boot machines, and this is darwin: use a Linux machine or a VM."
    ]


def test_a_person_without_root_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert requirements._privileges() == ["Root is needed to boot machines: run it with sudo."]


def test_a_missing_command_names_debian_s_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        shutil, "which", lambda command, path: None if command == "nft" else f"/bin/{command}"
    )
    assert requirements._commands(requirements.COMMANDS) == ["nft is not installed: apt-get install nftables"]


def test_limits_that_nothing_can_set_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mounts").write_text("cgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0\n")
    monkeypatch.setattr(cgroups, "MOUNTS", tmp_path / "mounts")
    [line] = requirements._groups()
    assert "memory" in line


@pytest.mark.parametrize(
    ("state", "lines"), [("/var/lib/localcloud", 0), ("/merged/x", 1), ("/merged/tmp/x", 0), ("/mergedx", 0)]
)
def test_disks_do_not_stack_on_an_overlay(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, state: str, lines: int
) -> None:
    (tmp_path / "mounts").write_text(PLACES)
    monkeypatch.setattr(cgroups, "MOUNTS", tmp_path / "mounts")
    monkeypatch.setattr(Path, "exists", lambda self: str(self) in ("/", "/merged", "/merged/tmp"))
    assert len(requirements._place(Path(state))) == lines
