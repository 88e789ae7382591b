"""What is asked of a machine's logs."""

from dataclasses import asdict, dataclass
from typing import Any

LINES = (100, 500, 2000)
#: Minutes back; 0 for any time.
MINUTES = {
    0: "any time",
    15: "last 15 minutes",
    60: "last hour",
    24 * 60: "last day",
    7 * 24 * 60: "last 7 days",
}
SEARCH = 200


@dataclass(frozen=True, kw_only=True)
class Question:
    """``whole`` leaves all but the source out of account."""

    source: str
    search: str = ""
    lines: int = LINES[0]
    minutes: int = 0
    follow: bool = False
    whole: bool = False

    @property
    def arguments(self) -> dict[str, Any]:
        """For ``user_data/logs.py``. Two questions of one meaning have the same."""
        return asdict(Question(source=self.source, whole=True) if self.whole else self)
