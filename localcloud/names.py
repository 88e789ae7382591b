"""What a local cloud calls the things that it makes on the host: each name leads back to its cloud."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

LOCKS = Path("/run/localcloud")
_CLOUD_NAME = re.compile(r"[a-z][a-z0-9-]{0,11}")


class NameRefusedError(ValueError):
    """The name of a cloud does not fit into the names of links and groups."""


@dataclass(frozen=True)
class Names:
    """Names of one cloud's bridge, links, firewall table, control groups and folders."""

    cloud: str
    state: Path

    def __post_init__(self) -> None:
        if not _CLOUD_NAME.fullmatch(self.cloud):
            raise NameRefusedError(
                f"A local cloud's name is a letter and up to 11 of a-z, 0-9 and -, not {self.cloud!r}"
            )

    @property
    def bridge(self) -> str:
        """The kernel takes 15 characters."""
        return f"lc-{self.cloud}"

    @property
    def table(self) -> str:
        """The nftables table; hyphens are not allowed in it."""
        return f"localcloud_{self.cloud.replace('-', '_')}"

    @property
    def group(self) -> str:
        """The control group above the groups of this cloud's machines."""
        return f"localcloud_{self.cloud}"

    @property
    def run(self) -> Path:
        """Disks, consoles and namespaces of this cloud's instances."""
        return self.state / "run" / self.cloud

    @property
    def lock(self) -> Path:
        """Held while the cloud runs; its text says where the state is."""
        return LOCKS / f"{self.cloud}.lock"

    def instance(self, instance_id: str) -> Path:
        """The folder of one instance."""
        return self.run / "instances" / instance_id

    def link(self, instance_id: str) -> str:
        """The host's end of an instance's cable: 15 characters, distinct between clouds."""
        digest = hashlib.sha256(self.cloud.encode()).hexdigest()
        return f"lc{digest[:4]}{instance_id[-9:]}"

    def machine(self, instance_id: str) -> str:
        """What systemd-nspawn calls the machine."""
        return f"lc-{self.cloud}-{instance_id}"
