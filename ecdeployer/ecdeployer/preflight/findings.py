"""What preflight has to say of a repository."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """``path`` is from the repository's root, empty where no file is meant; ``line`` counts from 1, 0 is none."""

    code: str
    level: Level
    message: str
    remedy: str
    path: str = ""
    line: int = 0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> "Finding":
        """Raises TypeError where the document has not a finding's fields."""
        return cls(**document)
