"""Which release of the portal this is: what the build wrote beside ``manage.py``."""

import json
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

#: What is read from the file; the machine adds when it was deployed there.
_WRITTEN_BY_BUILD = ("version", "commit", "build", "built_at")


@dataclass(frozen=True, kw_only=True)
class Release:
    """Without a file the portal runs from somebody's checkout: nothing of it is known."""

    version: str = "development"
    commit: str = ""
    build: str = ""
    built_at: datetime | None = None
    deployed_at: datetime | None = None

    def as_json(self) -> dict[str, str | None]:
        """Times are ISO 8601; what is not known is null."""
        return {
            "version": self.version,
            "commit": self.commit or None,
            "build": self.build or None,
            "built_at": self.built_at.isoformat() if self.built_at else None,
            "deployed_at": self.deployed_at.isoformat() if self.deployed_at else None,
        }


def read(path: Path) -> Release:
    """A file that is there and wrong ends the process: nobody could tell what was deployed."""
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return Release()
    except (OSError, ValueError) as error:
        sys.exit(f"ecdeployer: {path}: {error}")
    try:
        written = {name: str(found[name]) for name in _WRITTEN_BY_BUILD}
        deployed_at = found.get("deployed_at")
        return Release(
            version=written["version"],
            commit=written["commit"],
            build=written["build"],
            built_at=datetime.fromisoformat(written["built_at"]),
            deployed_at=datetime.fromisoformat(deployed_at) if deployed_at else None,
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        sys.exit(f"ecdeployer: {path}: {type(error).__name__}: {error}")
