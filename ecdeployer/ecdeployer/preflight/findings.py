"""What reading a repository found."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self, get_args

Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = get_args(Level)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """``message`` says what was found, ``remedy`` what to do; ``line`` is 0 where no line is meant.

    An error ends the deployment before anything is launched.
    """

    code: str
    level: Level
    message: str
    remedy: str
    path: str = ""
    line: int = 0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Raises ValueError, TypeError or KeyError for what ``to_dict`` does not write."""
        if document["level"] not in LEVELS:
            raise ValueError(f"no level: {document['level']!r}")
        return cls(**document)


def in_order(findings: list[Finding]) -> list[Finding]:
    """Errors first, each finding once, else as they were found."""
    return sorted(dict.fromkeys(findings), key=lambda finding: LEVELS.index(finding.level))
