"""PostgreSQL and Redis for one command: ``python -m scripts.stack.services COMMAND...``.

Both listen on loopback alone, on ports that were free, keep their data in a temporary folder, and end with
the command, whose exit code is the result. It finds them by DATABASE_URL and REDIS_URL.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import NoReturn

from scripts.stack.programs import Account, Program, ProgramError, Running

_PASSWORD = "only-on-loopback"  # noqa: S105 - of a database that ends with the command


def main(command: list[str]) -> int:
    """The command's exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ecdeployer-services-")))
        folder.chmod(0o755)
        environment = {**os.environ}
        for program, variable, url in (_redis(folder), _postgresql(folder)):
            running = Running(program, logs=folder, mark=str(folder))
            stack.callback(running.stop)
            running.wait_until_ready()
            environment[variable] = url
        return subprocess.run(command, env=environment, check=False).returncode


def _leave(number: int, _: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


def free_port() -> int:
    """One on loopback that nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def redis(folder: Path, *, port: int, account: Account) -> Program:
    """Redis that keeps nothing: messages are wake-ups."""
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    return Program(
        name="redis",
        command=["redis-server", *options, "--dir", str(folder)],
        account=account,
        environment={"PATH": os.environ["PATH"]},
        ready="Ready to accept connections",
    )


def _redis(folder: Path) -> tuple[Program, str, str]:
    port = free_port()
    program = redis(folder, port=port, account=Account(os.geteuid(), os.getegid()))
    return program, "REDIS_URL", f"redis://127.0.0.1:{port}/0"


def _postgresql(folder: Path) -> tuple[Program, str, str]:
    """A cluster of its own. PostgreSQL refuses to run as root: Debian's package brings an account for it."""
    account = Account(os.geteuid(), os.getegid())
    if account.uid == 0:
        entry = pwd.getpwnam("postgres")
        account = Account(entry.pw_uid, entry.pw_gid)
    home, port, tools = folder / "postgresql", free_port(), _tools()
    home.mkdir(mode=0o700)
    password = home / "password"
    password.write_text(_PASSWORD)
    for path in (home, password):
        os.chown(path, account.uid, account.gid)
    data = home / "data"
    initdb = [str(tools / "initdb"), "-D", str(data), "-U", "portal", "--pwfile", str(password)]
    initdb += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
    subprocess.run(account.command(initdb), check=True, cwd="/", stdout=subprocess.DEVNULL)
    options = [f"port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={home}"]
    # Nothing of it outlives the tests, and so nothing need reach the disk.
    options += ["fsync=off", "full_page_writes=off", "log_destination=stderr"]
    program = Program(
        name="postgresql",
        command=[str(tools / "postgres"), "-D", str(data), *(f"--{option}" for option in options)],
        account=account,
        environment={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        ready="database system is ready to accept connections",
    )
    return program, "DATABASE_URL", f"postgresql://portal:{_PASSWORD}@127.0.0.1:{port}/postgres"


def _tools() -> Path:
    """Debian keeps the server's programs off the path, a folder for each version; the newest is taken."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))
    if not found:
        on_path = shutil.which("initdb")
        if on_path is None:
            sys.exit("PostgreSQL's server is not installed: apt-get install postgresql")
        return Path(on_path).resolve().parent
    return found[-1].parent


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ProgramError as error:
        sys.exit(str(error))
