"""Cores and memory of the machine, or less where a control group allows less."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def groups() -> Iterator[str]:
    """Directories of this process's control groups and of those above them, of both versions."""
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        lines = [line.rstrip("\n").split(":", 2) for line in file]
    for _, controllers, path in lines:
        names = [part for part in path.split("/") if part]
        for length in range(len(names) + 1):
            yield os.path.join("/sys/fs/cgroup", controllers, *names[:length])


def numbers(path: str) -> list[int]:
    """The numbers in a file: none where there is no file, or no limit in it."""
    try:
        with open(path, encoding="ascii") as file:
            return [int(word) for word in file.read().split() if word.isdigit()]
    except OSError:
        return []


def cores() -> float:
    """Cores that this process may use, as a number that need not be whole."""
    found = [float(len(os.sched_getaffinity(0)))]
    for group in groups():
        quota = numbers(f"{group}/cpu.max")
        if len(quota) < 2:
            quota = numbers(f"{group}/cpu.cfs_quota_us") + numbers(f"{group}/cpu.cfs_period_us")
        if len(quota) == 2 and quota[1]:
            found.append(quota[0] / quota[1])
    return min(found)


def memory() -> int:
    """MiB that this process may use."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for group in groups():
        found += numbers(f"{group}/memory.max") + numbers(f"{group}/memory.limit_in_bytes")
    return min(found) // 2**20
