"""What reading a repository taught of how the project is to be run."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """What machines have, and what the operator accepts. ``machine_python`` is like ``3.11``."""

    machine_python: str
    python_downloads: bool
    allow_root_manage: bool = False


@dataclass(frozen=True, kw_only=True)
class RequirementSource:
    """``kind``: requirements, pyproject, poetry, uv or pipfile; ``path`` from the repository's root."""

    kind: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Paths are from the repository's root; modules as Python imports them in the project directory.

    ``python`` is a specifier, empty where the machine's own will do. ``required_environment`` are names that
    the page asks for, ``placeholder_environment`` pairs of name and value for those that need not be asked,
    and ``environment_examples`` names that an example file of the repository lists. ``processes`` are pairs
    of a name and the line that runs beside the site; ``procfile`` is where they stand, empty where they were
    chosen here. ``release_command`` runs before a release is switched to.
    """

    project_directory: str
    settings_module: str
    wsgi_module: str = ""
    asgi_module: str = ""
    interface: str = "wsgi"
    python: str = ""
    requirement_sources: tuple[RequirementSource, ...] = ()
    services: tuple[str, ...] = ()
    database: str = ""
    required_environment: tuple[str, ...] = ()
    settings_candidates: tuple[str, ...] = ()
    placeholder_environment: tuple[tuple[str, str], ...] = ()
    environment_examples: tuple[str, ...] = ()
    processes: tuple[tuple[str, str], ...] = ()
    procfile: str = ""
    release_command: str = ""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Raises TypeError or KeyError for what ``to_dict`` does not write."""
        given: dict[str, Any] = {name: _frozen(value) for name, value in document.items()}
        given["requirement_sources"] = tuple(
            RequirementSource(kind=source["kind"], path=source["path"])
            for source in document.get("requirement_sources", ())
        )
        unknown = given.keys() - {field.name for field in fields(cls)}
        if unknown:
            raise KeyError(f"no facts: {', '.join(sorted(unknown))}")
        return cls(**given)


def _frozen(value: Any) -> Any:
    """JSON's lists as the tuples that they were."""
    return tuple(_frozen(item) for item in value) if isinstance(value, (list, tuple)) else value
