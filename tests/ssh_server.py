"""A real sshd that serves bare repositories to whoever has a key that it is told; for tests, as root."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

#: Where scripts/test has unpacked Debian's openssh-server: it is not installed, and no service of the host.
PACKAGE = Path(os.environ.get("SSH_SERVER", "/"))
_CONFIG = """\
ListenAddress {address}:{port}
HostKey {folder}/host
PidFile none
AuthorizedKeysFile {folder}/authorized
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication {password}
KbdInteractiveAuthentication no
PubkeyAuthentication {public}
ForceCommand {folder}/serve
DisableForwarding yes
"""
_SERVE = """\
#!/bin/sh
name=$(printf %s "$SSH_ORIGINAL_COMMAND" | sed -n "s|^git-upload-pack '/\\([A-Za-z0-9./_-]*\\)'$|\\1|p")
[ -n "$name" ] || exit 1
exec git upload-pack "{repositories}/$name"
"""
#: Users of the tests' own, in a mount namespace: the host's stay as they are.
_USERS = "root:*:0:0::/:/bin/sh\nsshd:*:65534:65534::/:/bin/false\ngit:*:0:0::/:/bin/sh\n"
_START = (
    'mount --bind "$1" /etc/passwd && mount -t tmpfs none /run && mkdir /run/sshd && exec "$2" -D -e -f "$3"'
)


@dataclass(frozen=True, kw_only=True)
class Server:
    """``origin`` is an entry for GIT_HOSTS, ``known_hosts`` the lines that pin its host key."""

    folder: Path
    address: str
    port: int

    @property
    def origin(self) -> str:
        return f"ssh://{self.address}:{self.port}"

    @property
    def known_hosts(self) -> str:
        kind, key, *_ = (self.folder / "host.pub").read_text().split()
        return f"[{self.address}]:{self.port} {kind} {key}\n"

    def admit(self, public: str) -> None:
        """This key and no other."""
        (self.folder / "authorized").write_text(f"{public}\n")


@contextmanager
def running_server(
    folder: Path, repositories: Path, *, address: str = "127.0.0.1", asks_for_password: bool = False
) -> Iterator[Server]:
    folder.mkdir()
    with socket.create_server((address, 0)) as free:
        server = Server(folder=folder, address=address, port=free.getsockname()[1])
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "host"], check=True)
    (folder / "users").write_text(_USERS)
    (folder / "serve").write_text(_SERVE.format(repositories=repositories))
    (folder / "serve").chmod(0o755)
    asking = {
        "password": "yes" if asks_for_password else "no",
        "public": "no" if asks_for_password else "yes",
    }
    (folder / "config").write_text(_CONFIG.format(address=address, port=server.port, folder=folder, **asking))
    command = ["unshare", "--mount", "sh", "-c", _START, "sh", str(folder / "users")]
    library = PACKAGE / "usr/lib" / f"{os.uname().machine}-linux-gnu"
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [*command, str(PACKAGE / "usr/sbin/sshd"), str(folder / "config")],
        env={**os.environ, "LD_LIBRARY_PATH": str(library)},
        stderr=log,
    )
    try:
        _wait(server, process)
        yield server
    finally:
        process.terminate()
        process.wait(10)
        log.close()


def _wait(server: Server, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(100):
        try:
            socket.create_connection((server.address, server.port), timeout=1).close()
        except OSError:
            assert process.poll() is None, (server.folder / "log").read_text()
            time.sleep(0.05)
        else:
            return
    raise AssertionError("sshd does not answer")
