"""ssh as git runs it: with one key and pinned host keys, and with nothing of the account that it runs in."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

#: No configuration, no agent, no question, nothing forwarded. deploy.sh says the same on the machine.
OPTIONS = (
    "BatchMode=yes",
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    "PreferredAuthentications=publickey",
    "StrictHostKeyChecking=yes",
    "GlobalKnownHostsFile=/dev/null",
    "UpdateHostKeys=no",
    "VerifyHostKeyDNS=no",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "ConnectTimeout=10",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=4",
    "LogLevel=ERROR",
)


@dataclass(frozen=True, kw_only=True)
class Key:
    """What opens a private repository, and the host keys (lines of known_hosts) that it is shown to."""

    private: str = field(repr=False)
    known_hosts: str


@contextmanager
def opened(key: Key, *, host: str = "", address: str = "") -> Iterator[dict[str, str]]:
    """The variables that let git use the key, for as long as the block runs.

    ``address``: the one that was checked, for ssh to go to wherever ``host`` leads by then. The key lies in
    no file: ssh reads it from this process, and it has gone when this process has.
    """
    with _held(key.private) as identity, _held(key.known_hosts) as known_hosts:
        command = ["ssh", "-F", "/dev/null", "-i", identity, "-o", f"UserKnownHostsFile={known_hosts}"]
        pinned = [f"HostName={address}", f"HostKeyAlias={host}"] if address else []
        for option in (*OPTIONS, *pinned):
            command += ["-o", option]
        yield {"GIT_SSH_COMMAND": shlex.join(command), "GIT_SSH_VARIANT": "ssh"}


@contextmanager
def _held(text: str) -> Iterator[str]:
    """A path at which processes of this user read the text from memory."""
    with os.fdopen(os.memfd_create("ecdeployer"), "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text.encode())
        file.flush()
        yield f"/proc/{os.getpid()}/fd/{file.fileno()}"
