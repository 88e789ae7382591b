"""What a host must have to boot machines; looks, and changes nothing."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from localcloud import cgroups

# The command, and Debian's package that has it.
COMMANDS = {
    "systemd-nspawn": "systemd-container",
    "debootstrap": "debootstrap",
    "nft": "nftables",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "mount": "mount",
}
_CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_SYS_CHROOT": 18, "CAP_SYS_ADMIN": 21, "CAP_MKNOD": 27}


def missing(state: Path = Path("/var/lib/localcloud")) -> list[str]:
    """One line for each thing that this host lacks, with the way to get it."""
    if sys.platform != "linux":
        return [f"Linux is needed to boot machines, and this is {sys.platform}: use a Linux machine or a VM."]
    return [*_privileges(), *_kernel(), *_groups(), *_commands(COMMANDS), *_place(state)]


def _privileges() -> list[str]:
    if os.geteuid() != 0:
        return ["Root is needed to boot machines: run it with sudo."]
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            held = int(line.split()[1], 16)
            lost = [name for name, bit in _CAPABILITIES.items() if not held >> bit & 1]
            if lost:
                return [
                    f"Root lacks {', '.join(lost)}: outside a container, or in a privileged one, it has them."
                ]
    return []


def _kernel() -> list[str]:
    found = []
    systems = Path("/proc/filesystems").read_text().split()
    if "overlay" not in systems and not _module("overlay"):
        found.append("The kernel has no overlayfs: load it with `modprobe overlay`.")
    for name in ("net", "pid", "mnt", "uts", "ipc"):
        if not Path(f"/proc/self/ns/{name}").exists():
            found.append(f"The kernel has no {name} namespaces: use one built with them, as Debian's is.")
    if not Path("/proc/sys/net/ipv4/ip_forward").exists():
        found.append("The kernel does not forward IPv4: use one that does, as Debian's does.")
    return found


def _module(name: str) -> bool:
    release = Path("/lib/modules") / os.uname().release
    listing = release / "modules.dep"
    return listing.exists() and f"/{name}.ko" in listing.read_text(errors="replace")


def _groups() -> list[str]:
    lacking = cgroups.lacking(cgroups.hierarchies(cgroups.MOUNTS.read_text()))
    return [
        f"No control group limits {name}: mount cgroup2 at /sys/fs/cgroup with the {name} controller."
        for name in lacking
    ]


def _commands(wanted: Mapping[str, str]) -> list[str]:
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return [
        f"{command} is not installed: apt-get install {package}"
        for command, package in wanted.items()
        if shutil.which(command, path=path) is None
    ]


def _place(state: Path) -> list[str]:
    folder = next(path for path in (state, *state.parents) if path.exists())
    best = ("", "")
    for line in cgroups.MOUNTS.read_text().splitlines():
        point, kind = line.split()[1:3]
        inside = Path(point) == folder or Path(point) in folder.parents
        if inside and len(point) >= len(best[0]):
            best = (point, kind)
    if best[1] in ("overlay", "nfs", "nfs4", "9p", "vfat", "fuseblk"):
        return [
            f"{state} is on {best[1]}, which cannot carry disks: choose --state on ext4, xfs, btrfs or tmpfs."
        ]
    return []
