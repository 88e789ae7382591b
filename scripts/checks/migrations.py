"""Whether the migrations that no release has brought yet suit the release that runs while they are applied.

``python -m scripts.checks.migrations`` judges them; with ``--release VERSION`` those that suit become that
release's, and are judged no more. ``released_migrations.toml`` beside this file is what it knows of releases:
what a pipeline builds from has neither history nor tags.
"""

import argparse
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import django
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from scripts.checks.compatibility import objections
from scripts.stack import services

FILE = Path(__file__).with_name("released_migrations.toml")
_HOW = """
The release that runs still reads what these take away, or writes what they refuse. Make two releases of it:
the first does without, the second takes it away, and says so in {file}:

    [[second_step]]
    migration = "app.0042_name"
    since = "0.2.0"     # the release that does without
    reason = "why it does"
"""


@dataclass(frozen=True)
class SecondStep:
    """A migration that takes away what no release has used ``since`` one."""

    migration: str
    since: str
    reason: str


@dataclass(frozen=True)
class Releases:
    """The migrations that each release brought, oldest first, and what was said of newer ones."""

    brought: dict[str, list[str]] = field(default_factory=dict)
    second_steps: list[SecondStep] = field(default_factory=list)

    @property
    def migrations(self) -> set[str]:
        return {name for names in self.brought.values() for name in names}

    def mistakes(self, on_disk: set[str]) -> list[str]:
        """What the file says that cannot be so."""
        gone = [f"{name} was released, and is gone." for name in sorted(self.migrations - on_disk)]
        for step in self.second_steps:
            if step.migration not in on_disk:
                gone.append(f"There is no migration {step.migration} to be a second step.")
            if step.since not in self.brought:
                gone.append(f"{step.migration}: no release {step.since} is known to do without.")
            if not step.reason.strip():
                gone.append(f"{step.migration}: a second step needs a reason.")
        return gone


def read(path: Path) -> Releases:
    found = tomllib.loads(path.read_text())
    return Releases(found["release"], [SecondStep(**each) for each in found.get("second_step", [])])


def main(arguments: list[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.checks.migrations")
    parser.add_argument("--release", metavar="VERSION")
    parser.add_argument("--here", action="store_true", help="judge by the empty database of DATABASE_URL")
    parser.add_argument("--file", type=Path, default=FILE, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    django.setup()
    releases = read(options.file)
    on_disk = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    new = on_disk - releases.migrations
    if mistakes := releases.mistakes(on_disk):
        print(*mistakes, sep="\n", file=sys.stderr)
        return 1
    if new and not options.here:
        again = [sys.executable, "-m", "scripts.checks.migrations", "--here", f"--file={options.file}"]
        return services.main([*again, f"--release={options.release}"] if options.release else again)
    if new and (found := refusals(new, releases)):
        return _report(found)
    return _release(options.file, options.release, new) if options.release else 0


def refusals(new: set[str], releases: Releases) -> list[str]:
    """Applies all migrations there are to an empty PostgreSQL, and judges the new ones on their way."""
    excused = {step.migration for step in releases.second_steps}
    executor = MigrationExecutor(connection)
    steps = executor.migration_plan(executor.loader.graph.leaf_nodes())
    plan = [(step.app_label, step.name) for step, _ in steps]
    executor.migrate([key for key in plan if ".".join(key) not in new])
    found = []
    for key in plan:
        name = ".".join(key)
        if name in new:
            loader = (executor := MigrationExecutor(connection)).loader
            said = objections(loader.graph.nodes[key], loader.project_state(key, at_end=False), connection)
            found += [f"{name}: {words}" for words in said if name not in excused]
            executor.migrate([key])
    return found


def _report(found: list[str]) -> int:
    print(*found, _HOW.format(file=f"scripts/checks/{FILE.name}"), sep="\n", file=sys.stderr)
    return 1


def _release(file: Path, version: str, new: set[str]) -> int:
    """Append them; a second step that is released needs its entry no more."""
    lines = [f'"{version}" = [', *(f'  "{name}",' for name in sorted(new)), "]"]
    head, mark, steps = file.read_text().partition("\n[[second_step]]")
    file.write_text("\n".join([head.rstrip("\n"), *lines, ""]) + mark + steps)
    print(f"{version} brings {len(new)} migrations.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
