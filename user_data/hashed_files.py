"""Static files whose names carry a hash: open pages ask for those of the release that they came from.

hashed_files.py LEAVING COMING, two releases' directories: what LEAVING collected is served with COMING too.
As the user that owns both.
"""

import os
import re
import stat
import sys
import time
from contextlib import suppress

#: What ManifestStaticFilesStorage puts before the extension: such a name never means another content.
PATTERN = r"\.[0-9a-f]{12}\.[A-Za-z0-9.]+$"


def share(leaving: str, coming: str) -> int:
    """How many were linked. What LEAVING had been given goes with it."""
    began, ended = made_at(f"{leaving}/python/launch.py"), made_at(f"{leaving}/collected")
    linked = 0
    for folder, _, names in os.walk(f"{leaving}/static"):
        target = folder.replace(leaving, coming, 1)
        for name in filter(re.compile(PATTERN).search, names):
            found = os.lstat(f"{folder}/{name}")
            if not stat.S_ISREG(found.st_mode) or not began <= found.st_mtime_ns <= ended:
                continue
            os.makedirs(target, exist_ok=True)
            with suppress(FileExistsError):
                os.link(f"{folder}/{name}", f"{target}/{name}", follow_symlinks=False)
                linked += 1
    return linked


def made_at(path: str) -> int:
    """Nanoseconds; now for what an older version of deploy.sh has not left."""
    try:
        return os.stat(path).st_mtime_ns
    except FileNotFoundError:
        return time.time_ns()


if __name__ == "__main__":
    number = share(*sys.argv[1:])
    print(f"{number} static files with a hash in their names stay for pages that are open.")
