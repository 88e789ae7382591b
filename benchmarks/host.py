"""What was measured, and where."""

import datetime as dt
import os
import platform
import subprocess
from pathlib import Path


def describe() -> str:
    """The day, the commit and the machine, for the head of a page."""
    asked = ["git", "-c", "safe.directory=*", "rev-parse", "--short", "HEAD"]
    root = Path(__file__).parents[1]
    commit = subprocess.run(asked, cwd=root, capture_output=True, text=True, check=True).stdout.strip()
    kernel, load = platform.release().partition("-")[0], os.getloadavg()[0]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{dt.datetime.now(dt.UTC):%d %B %Y}, commit {commit}; {os.cpu_count()} cores, {memory:.0f} GB, "
        f"Linux {kernel}; load average {load:.1f} at the end."
    )
