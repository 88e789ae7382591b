"""Turn what the settings said of themselves into nginx locations and changes for the report.

inspection.py STATE LOCATIONS, or inspection.py plain-static ENVIRONMENT STATE.

The text comes from the project's own process: it is checked before root uses it.
"""

import json
import re
import sys
from typing import Any

from user_data import hashed_files

PREFIX = re.compile(r"/[A-Za-z0-9._~/-]{1,200}/", re.ASCII)
LOCATION = """\
location ^~ {prefix} {{
    alias {directory}/;
    access_log off;
    add_header X-Content-Type-Options nosniff always;
    add_header Cache-Control "{cache}";{extra}
}}
"""
IMMUTABLE = """
    location ~ "{hashed}" {{
        access_log off;
        add_header X-Content-Type-Options nosniff always;
        add_header Cache-Control "public, max-age=31536000, immutable";
    }}"""
DOTFILES = """
    location ~ "/\\." {{
        return 404;
    }}"""


def locations(inspected: dict[str, Any], release: str) -> str:
    """nginx text for the URLs that are paths of this site and safe to write; others stay the project's."""
    static = (inspected.get("STATIC_URL"), f"/srv/ecdeployer/releases/{release}/static", True)
    media = (inspected.get("MEDIA_URL"), "/srv/ecdeployer/shared/media", False)
    text, seen = "", {"/"}
    for url, directory, hashed in (static, media):
        if not isinstance(url, str):
            continue
        prefix = "/" + url.lstrip("/").rstrip("/") + "/"
        if "://" in url or url.startswith("//") or ".." in prefix or not PREFIX.fullmatch(prefix):
            continue
        if prefix in seen or "//" in prefix or "/." in prefix:
            continue
        seen.add(prefix)
        extra = DOTFILES.format() + (IMMUTABLE.format(hashed=hashed_files.PATTERN) if hashed else "")
        cache = "public, max-age=3600" if hashed else "public, max-age=600"
        text += LOCATION.format(prefix=prefix, directory=directory, cache=cache, extra=extra)
    return text


def changes(inspected: dict[str, Any]) -> str:
    """JSON lines of the changes that have the report's shape, bounded."""
    names = ("setting", "from", "to", "why")
    found = [change for change in inspected.get("changes", [])[:100] if isinstance(change, dict)]
    cut = [{name: str(change.get(name, ""))[:400] for name in names} for change in found]
    return "".join(json.dumps(change) + "\n" for change in cut)


def prepare(state: str, target: str) -> None:
    with open(f"{state}/inspection.json", encoding="utf-8") as file:
        inspected = json.load(file)
    release = target.rsplit("/", 1)[-1].split(".")[0]
    with open(target, "w", encoding="ascii") as file:
        file.write(locations(inspected, release))
    with open(f"{state}/changes.jsonl", "a", encoding="ascii") as file:
        file.write(changes(inspected))


def use_plain_static(environment: str, state: str) -> None:
    """From now on the release's settings name static files without hashes."""
    with open(environment, "r+", encoding="utf-8") as file:
        document = json.load(file) | {"plain_static": True}
        file.seek(0)
        file.truncate()
        json.dump(document, file)
    change = {
        "setting": "STORAGES",
        "from": "file names with a hash",
        "to": "plain file names",
        "why": "collectstatic failed with file names that carry a hash.",
    }
    with open(f"{state}/changes.jsonl", "a", encoding="ascii") as file:
        file.write(json.dumps(change) + "\n")


if __name__ == "__main__":
    if sys.argv[1] == "plain-static":
        use_plain_static(*sys.argv[2:])
    else:
        prepare(*sys.argv[1:])
