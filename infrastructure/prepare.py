"""What the pipeline does with a bundle before it is deployed; what the running version uses stays beside."""

from dataclasses import dataclass, field
from pathlib import Path

from . import settings, static_files
from .aws import AWS
from .portal_commands import Portal, portal
from .terminal import RefusalError, Terminal

#: Of the bundle that this file is in.
STATIC = Path(__file__).resolve().parents[1] / "static"


@dataclass(frozen=True)
class Prepare:
    """Documents, role, launch template and golden image of this version's machines, and its static files.

    ``url`` is the portal's; ``bucket`` keeps static files.
    """

    aws: AWS
    terminal: Terminal
    prefix: str
    url: str
    bucket: str
    static: Path = field(default_factory=lambda: STATIC)

    def run(self) -> None:
        """Raises RefusalError or AWSError."""
        own = settings.machine_settings(self.aws, self.prefix)
        given = {"PORTAL_URL": self.url, "RESOURCE_PREFIX": self.prefix, "AWS_REGION": self.aws.region}
        with portal(self.terminal, {**own, **given}) as commands:
            self._ensure(commands)
            commands.golden_image()
        uploaded = static_files.upload(self.aws, self.bucket, self.static)
        self.terminal.step(f"{uploaded} static files put into {self.bucket}")

    def _ensure(self, commands: Portal) -> None:
        try:
            commands.ensure_infrastructure()
        except RefusalError as error:
            raise RefusalError(
                f"{error} If a role was refused: the pipeline changes none. Run ./scripts/aws-up with this "
                "version, then release the change again."
            ) from None
