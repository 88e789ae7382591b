"""What an earlier release leaves in PostgreSQL: its own code fills the tables that it made itself.

``scripts/stack/services.py`` has the database: with the tests' settings,
``python -m scripts.stack.services python -m tests.integration.old_release COMMIT FILE`` writes FILE, as SQL.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILL = """\
from django.utils import timezone
from ecdeployer.accounts import tokens
from ecdeployer.instances.models import FleetWatch
from ecdeployer.operating.models import Heartbeat
from tests.portal_records import make_every_state, make_person
ada = make_person("ada", time_zone="Europe/Lisbon", is_staff=True)
make_every_state(ada)
tokens.create(ada, name="laptop", days=365)
FleetWatch.objects.create(pk=FleetWatch.ONLY)
Heartbeat.objects.create(pk=Heartbeat.ONLY, at=timezone.now())
"""


def main(commit: str, file: str) -> None:
    target = Path(file).resolve()
    with tempfile.TemporaryDirectory(prefix="old-release-") as folder:
        tree = Path(folder) / "tree"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", tree, commit], cwd=ROOT, check=True)
        try:
            _fill(tree)
            _dump(target)
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=ROOT, check=True)


def _fill(tree: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(tree)}
    for command in (["migrate", "--verbosity=0"], ["shell", "--verbosity=0", "-c", FILL]):
        manage = [sys.executable, "manage.py", *command]
        subprocess.run(manage, cwd=tree / "ecdeployer", env=environment, check=True)


def _dump(target: Path) -> None:
    """Without the two commands for psql alone that newer versions put around it."""
    command = ["pg_dump", "--inserts", "--no-owner", "--no-privileges", os.environ["DATABASE_URL"]]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    around = ("\\restrict ", "\\unrestrict ")
    lines = [line for line in text.splitlines(keepends=True) if not line.startswith(around)]
    target.write_text("".join(lines))


if __name__ == "__main__":
    main(*sys.argv[1:])
