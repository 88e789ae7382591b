"""Static files whose names carry a hash: open pages ask for those of the release that they came from.

hashed_files.py LEAVING COMING, two releases' directories: what LEAVING collected is served with COMING too.
As the user that owns both.
"""

import os
import re
import stat
import sys
from contextlib import suppress

#: What ManifestStaticFilesStorage puts before the extension: such a name never means another content.
PATTERN = r"\.[0-9a-f]{12}\.[A-Za-z0-9.]+$"


def share(leaving: str, coming: str) -> int:
    """How many were linked. What LEAVING had been given is older than its launch.py, and goes with it."""
    began, linked = os.stat(f"{leaving}/python/launch.py").st_mtime_ns, 0
    for folder, _, names in os.walk(f"{leaving}/static"):
        target = folder.replace(leaving, coming, 1)
        for name in filter(re.compile(PATTERN).search, names):
            found = os.lstat(f"{folder}/{name}")
            if found.st_mtime_ns < began or not stat.S_ISREG(found.st_mode):
                continue
            os.makedirs(target, exist_ok=True)
            with suppress(FileExistsError):
                os.link(f"{folder}/{name}", f"{target}/{name}", follow_symlinks=False)
                linked += 1
    return linked


if __name__ == "__main__":
    number = share(*sys.argv[1:])
    print(f"{number} static files with a hash in their names stay for pages that are open.")
