"""Reads a checked-out repository whole: findings for people, facts for the machine."""

import posixpath
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from . import (
    dependencies,
    entry_points,
    layout,
    processes,
    project_settings,
    servers,
    settings_choice,
    version_control,
)
from .dependencies import Dependencies
from .facts import Facts, ReadOptions
from .findings import Finding, in_order
from .processes import Processes
from .project_settings import SettingsReading
from .servers import Servers
from .settings_choice import Choice
from .tree import Tree

__all__ = ["ReadOptions", "Report", "read"]

#: Findings, and names that are asked for: a page shows each, and a repository may have any number.
_MOST = 200
_EXAMPLES = (
    ".env.example",
    ".env.sample",
    ".env.dist",
    ".env.template",
    "env.example",
    "example.env",
    "sample.env",
)


@dataclass(frozen=True, kw_only=True)
class Report:
    """``facts`` is None where not even the project directory is known. An error among the findings means
    that the deployment ends; the facts then hold what the page asks with.
    """

    findings: tuple[Finding, ...]
    facts: Facts | None

    def to_dict(self) -> dict[str, Any]:
        return {
            "findings": [finding.to_dict() for finding in self.findings],
            "facts": self.facts.to_dict() if self.facts else None,
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Raises ValueError, TypeError or KeyError for what ``to_dict`` does not write."""
        facts = document["facts"]
        return cls(
            findings=tuple(Finding.from_dict(each) for each in document["findings"]),
            facts=Facts.from_dict(facts) if facts is not None else None,
        )


def read(
    root: Path,
    *,
    project_name: str,
    environment: Collection[str],
    options: ReadOptions,
    settings_module: str = "",
) -> Report:
    """``environment``: names of the variables that are set; ``settings_module``: the developer's choice."""
    tree = Tree(root)
    place = layout.read(tree, project_name=project_name, options=options)
    found = list(place.findings)
    if not place.directory:
        return Report(findings=tuple(found), facts=None)
    directory = place.directory
    found += version_control.read(tree, directory=directory)
    needs = dependencies.read(tree, project_directory=directory, options=options)
    manage = entry_points.read(tree, posixpath.normpath(posixpath.join(directory, "manage.py")))
    packages = servers.packages(tree, directory=directory, project_name=project_name, manage=manage)
    entries = [
        entry for entry in [*servers.entry_points_in_order(tree, directory, packages), manage] if entry
    ]
    choice = settings_choice.choose(tree, directory=directory, chosen=settings_module, entries=entries)
    settings = SettingsReading()
    if choice.module:
        settings = project_settings.read(
            tree,
            project_directory=directory,
            module=choice.module,
            environment=environment,
            packages=needs.packages,
        )
    beside = processes.read(
        tree, directory=directory, packages=packages, settings=settings, installed=needs.packages
    )
    site = servers.read(
        tree,
        directory=directory,
        packages=packages,
        settings=settings,
        python=needs.python,
        web=beside.procfile.web,
    )
    found += [*choice.findings, *needs.findings, *settings.findings, *site.findings, *beside.findings]
    facts = _facts(tree, directory, choice, needs, settings, site, beside)
    return Report(findings=tuple(in_order(found)[:_MOST]), facts=facts)


def _facts(
    tree: Tree,
    directory: str,
    choice: Choice,
    needs: Dependencies,
    settings: SettingsReading,
    site: Servers,
    beside: Processes,
) -> Facts:
    return Facts(
        project_directory=directory,
        settings_module=choice.module,
        wsgi_module=site.wsgi_module,
        asgi_module=site.asgi_module,
        interface=site.interface,
        python=needs.python,
        requirement_sources=needs.sources,
        services=tuple(dict.fromkeys([*settings.services, *beside.services])),
        database=settings.database,
        required_environment=settings.required_environment[:_MOST],
        settings_candidates=choice.candidates,
        placeholder_environment=tuple(
            (dict(beside.placeholders) | dict(settings.placeholder_environment)).items()
        ),
        environment_examples=_examples(tree, directory),
        processes=beside.lines,
        procfile=beside.procfile.path,
        release_command=beside.procfile.release,
    )


def _examples(tree: Tree, directory: str) -> tuple[str, ...]:
    """Names that an example of an environment file lists."""
    for folder in (directory, "."):
        for name in _EXAMPLES:
            source = tree.text(posixpath.join(folder, name))
            if source:
                names = re.findall(r"^(?:export )?([A-Za-z_][A-Za-z0-9_]*)\s*=", source.text, re.MULTILINE)
                return tuple(dict.fromkeys(names[:100]))
    return ()
