"""Mounts below a folder, and removing a folder without ever crossing one."""

import re
import time
from pathlib import Path

from localcloud.host import CommandError, run

MOUNTS = Path("/proc/self/mounts")
_OCTAL = re.compile(r"\\([0-7]{3})")


def below(folder: Path, mounts: str) -> list[Path]:
    """Mount points in or at a folder, deepest and latest first."""
    points = [Path(_OCTAL.sub(lambda m: chr(int(m[1], 8)), line.split()[1])) for line in mounts.splitlines()]
    return [point for point in reversed(points) if point == folder or folder in point.parents]


def unmount_below(folder: Path) -> None:
    """Unmount everything in a folder; lazily what will not go at once."""
    for point in below(folder, MOUNTS.read_text()):
        try:
            run("umount", point)
        except CommandError:
            run("umount", "--lazy", point)


def remove_tree(folder: Path) -> None:
    """Delete a folder, unmounting first what is mounted in it."""
    if not folder.exists() and not folder.is_symlink():
        return
    unmount_below(folder)
    for attempt in range(5):
        try:
            run("rm", "--recursive", "--force", "--one-file-system", folder, seconds=300)
        except CommandError:
            if attempt == 4:
                raise
            time.sleep(0.2)
        else:
            return


def overlay(point: Path, *, lower: list[Path], upper: Path, work: Path) -> None:
    """Mount a writable disk over read-only layers, the topmost first."""
    for folder in (point, upper, work):
        folder.mkdir(parents=True, exist_ok=True)
    layers = ":".join(str(layer) for layer in lower)
    # Renaming a folder of a lower layer works as on a plain disk, and layers stay plain folders to copy.
    options = f"lowerdir={layers},upperdir={upper},workdir={work},redirect_dir=on,index=off,metacopy=off"
    run("mount", "-t", "overlay", "overlay", "-o", options, point)
