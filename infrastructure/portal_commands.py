"""The portal's own commands, run as whoever runs this, with a database that is thrown away."""

import os
import re
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from .terminal import RefusalError, Terminal

MANAGE = Path(__file__).resolve().parents[1] / "ecdeployer" / "manage.py"
_IMAGE = re.compile(r"^Golden image (ami-[0-9a-f]+) is ", re.MULTILINE)
#: What would lead to another portal's settings.
_FOREIGN = ("SETTINGS_PARAMETER_PATH", "SECRET_KEY_FALLBACKS", "AWS_DEFAULT_REGION")


class Portal:
    """``settings`` are those that the portal will have, as far as they are known yet."""

    def __init__(self, terminal: Terminal, settings: Mapping[str, str], database: Path) -> None:
        self._terminal = terminal
        kept = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
        self._environment = {
            **kept,
            **settings,
            "SECRET_KEY": secrets.token_urlsafe(60),
            "DATABASE_URL": f"sqlite:///{database}",
            "PYTHONUNBUFFERED": "1",
        }

    def ensure_infrastructure(self) -> None:
        """Launch template, security group, role and documents of sites' machines."""
        self._manage("ensure_infrastructure")

    def golden_image(self) -> str:
        """The id of the present script's image; where there is none it is made, in about ten minutes."""
        said = self._manage("build_golden_image", "--if-missing")
        found = _IMAGE.findall(said)
        if not found:
            raise RefusalError("build_golden_image did not say which image it has made.")
        return str(found[-1])

    def migrate(self) -> None:
        self._manage("migrate", "--verbosity=0")

    def _manage(self, *arguments: str) -> str:
        """Its output, which is shown as it comes; raises RefusalError where it fails."""
        command: Sequence[str] = (sys.executable, str(MANAGE), *arguments)
        with subprocess.Popen(
            command, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            said = "".join(self._shown(process))
        if process.returncode:
            raise RefusalError(
                f"manage.py {arguments[0]} ended with {process.returncode}; its words are above."
            )
        return said

    def _shown(self, process: subprocess.Popen[str]) -> Iterator[str]:
        """Ctrl-C reaches the command, too: it is let end its builder before this ends."""
        interrupted = False
        while True:
            try:
                line = process.stdout.readline() if process.stdout else ""
            except KeyboardInterrupt:
                interrupted = True
                continue
            if not line:
                break
            self._terminal.say(f"  {line.rstrip()}")
            yield line
        if interrupted:
            process.wait()
            raise KeyboardInterrupt


@contextmanager
def portal(terminal: Terminal, settings: Mapping[str, str]) -> Iterator[Portal]:
    with tempfile.TemporaryDirectory(prefix="ecdeployer-account-") as folder:
        found = Portal(terminal, settings, Path(folder) / "scratch.sqlite3")
        found.migrate()
        yield found
