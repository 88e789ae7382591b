"""What a host must have to boot machines; looks, and changes nothing.

Needs nothing but Python, so that `python3 -m localcloud.requirements --before-install` can tell of a hopeless
host before anything is installed on it.
"""

import os
import shutil
import subprocess
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


def missing(state: Path = Path("/var/lib/localcloud"), *, commands: bool = True) -> list[str]:
    """One line for each thing that this host lacks, with the way to get it.

    Without `commands` it leaves out what apt-get would install.
    """
    if sys.platform != "linux":
        return [f"Linux is needed to boot machines, and this is {sys.platform}: use a Linux machine or a VM."]
    found = [*_privileges(), *_kernel(), *_groups(), *_place(state)]
    if commands:
        found += _commands(COMMANDS)
    return found or _firewall()


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


def _firewall() -> list[str]:
    """Lists tables, which a kernel without nftables cannot."""
    command = shutil.which("nft", path=_path())
    if command is None:
        return []
    listed = subprocess.run([command, "list", "tables"], capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return []
    said = listed.stderr.strip().splitlines()[:1]
    return [f"The kernel has no nftables ({' '.join(said)}): load it with `modprobe nf_tables`."]


def _path() -> str:
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


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
    return [
        f"{command} is not installed: apt-get install {package}"
        for command, package in wanted.items()
        if shutil.which(command, path=_path()) is None
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


if __name__ == "__main__":
    lines = missing(commands="--before-install" not in sys.argv[1:])
    print("\n".join(lines), end="\n" if lines else "")
    sys.exit(1 if lines else 0)
