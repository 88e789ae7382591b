"""What a machine finds on its disk at boot: who it is, its user data, its resolver, its environment."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from localcloud import writing

_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
# Programs that carry lists of authorities of their own, and the variable that points each at the disk's.
TRUST = dict.fromkeys(
    (
        "AWS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "GIT_SSL_CAINFO",
        "NODE_EXTRA_CA_CERTS",
        "PIP_CERT",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_FILE",
    ),
    _BUNDLE,
)
_RESOLVERS = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))


@dataclass(frozen=True)
class Seed:
    """One boot of one instance."""

    instance_id: str
    hostname: str
    user_data: bytes
    environment: Mapping[str, str] = field(default_factory=dict)
    public_keys: tuple[str, ...] = ()


def plant(root: Path, seed: Seed) -> None:
    """Write it all into a disk."""
    files = {
        "/var/lib/cloud/seed/nocloud/meta-data": json.dumps(
            {
                "instance-id": seed.instance_id,
                "local-hostname": seed.hostname,
                "public-keys": list(seed.public_keys),
            }
        ),
        "/etc/hostname": f"{seed.hostname}\n",
        "/etc/hosts": f"127.0.0.1 localhost\n127.0.1.1 {seed.hostname}\n::1 localhost\n",
        "/etc/resolv.conf": resolver([path.read_text() for path in _RESOLVERS if path.is_file()]),
        "/etc/systemd/system.conf.d/60-localcloud.conf": manager_environment(seed.environment),
        "/etc/environment": merged(writing.read(root, "/etc/environment"), seed.environment),
    }
    for path, text in files.items():
        writing.write(root, path, text)
    writing.write(root, "/var/lib/cloud/seed/nocloud/user-data", seed.user_data, mode=0o600)


def resolver(texts: Iterable[str]) -> str:
    """The first resolv.conf with a name server that a machine can reach, without those it cannot."""
    for text in texts:
        lines = [
            line for line in text.splitlines() if not line.startswith(("nameserver 127.", "nameserver ::1"))
        ]
        if any(line.startswith("nameserver") for line in lines):
            return "\n".join(lines) + "\n"
    return "nameserver 9.9.9.9\n"


def manager_environment(values: Mapping[str, str]) -> str:
    """systemd's configuration that gives every service these variables."""
    quoted = " ".join(f'"{name}={value.replace("%", "%%")}"' for name, value in sorted(values.items()))
    return f"[Manager]\nDefaultEnvironment={quoted}\n"


def merged(before: str, values: Mapping[str, str]) -> str:
    """/etc/environment with these variables set, and the others as they were."""
    kept = [line for line in before.splitlines() if line.split("=")[0].strip() not in values]
    return "".join(f"{line}\n" for line in [*kept, *(f"{name}={values[name]}" for name in sorted(values))])
