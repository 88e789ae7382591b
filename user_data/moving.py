"""Move what a site keeps from one machine to another: moving.py ACTION, its arguments as JSON on its input.

measure     the old machine: how many bytes each part has
expect      the new machine: make a key for what comes; its public half
hand-over   the old machine: the site stands still, and what it keeps is sealed where the other can fetch it
hold        the old machine: it goes on standing still; fails where the site serves again
resume      the old machine: the site serves again
take-over   the new machine: fetch, check, put in the place of what is there, migrate, serve

The last line that each prints is JSON.
"""

import http.client
import ipaddress
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from user_data import check, seal, site_data, standing

#: In memory, until what it is for has come.
KEY = "/run/ecdeployer-moving.key"
INCOMING = "/var/lib/ecdeployer/take-over"
#: Beside the bytes themselves.
SPARE = 256 << 20
PATIENCE, PAUSE, TIMEOUT = 60.0, 0.5, 20.0


def measure(_: dict[str, Any]) -> dict[str, Any]:
    return {"bytes": sizes()}


def sizes() -> dict[str, int]:
    _, document = site_data.live()
    return {name: site_data.measured(part) for name, part in site_data.parts(document).items()}


def expect(_: dict[str, Any]) -> dict[str, Any]:
    return {"key": seal.make_key(KEY)}


def hand_over(given: dict[str, Any]) -> dict[str, Any]:
    own = seal.make_key(KEY)
    secret = seal.agree(KEY, given["key"])
    os.unlink(KEY)
    needed = sum(sizes().values())
    have_room(os.path.dirname(standing.ARCHIVE), needed)
    begun = time.monotonic()
    try:
        standing.begin(seal.derived(secret, "place"), seconds=given["lease"])
        sealed = seal_all(secret, tick=lambda: standing.renew(given["lease"]))
    except BaseException:
        # A unit of its own, so that it goes on when this program is killed.
        standing.end(wait=False)
        raise
    standing.renew(given["lease"])
    return {"key": own, "bytes": sealed, "seconds": round(time.monotonic() - begun, 2)}


def seal_all(secret: str, *, tick: Callable[[], None]) -> dict[str, int]:
    """For nginx alone to read; it cannot list them."""
    shutil.rmtree(standing.ARCHIVE, ignore_errors=True)
    os.makedirs(standing.ARCHIVE, mode=0o710)
    shutil.chown(standing.ARCHIVE, group="www-data")
    _, document = site_data.live()
    parts = site_data.parts(document)
    made = {}
    for name, part in parts.items():
        path, purpose = f"{standing.ARCHIVE}/{name}", purpose_of(name, parts)
        made[name] = seal.seal(
            part.read,
            path,
            secret=secret,
            purpose=purpose,
            tick=tick,
            cwd=site_data.SHARED,
            env=site_data.ENVIRONMENT,
        )
        os.chmod(path, 0o640)
        shutil.chown(path, group="www-data")
    return made


def purpose_of(name: str, parts: dict[str, Any]) -> str:
    """A part is good beside the others that it was made with, and no other way."""
    return f"{name} of {' '.join(sorted(parts))}"


def hold(given: dict[str, Any]) -> dict[str, Any]:
    standing.renew(given["lease"])
    # One that had seen the old lease's end is ending now.
    time.sleep(1)
    if not standing.is_standing() or standing.load(standing.HELD) is None:
        sys.exit("The site serves again on this machine: what it keeps may have changed since.")
    return {}


def resume(_: dict[str, Any]) -> dict[str, Any]:
    """The address may have been another machine's until now, and be on its way back."""
    standing.end()
    until = time.monotonic() + PATIENCE
    while standing.load(standing.HELD) is not None and time.monotonic() < until:
        time.sleep(1)
        standing.resume()
    if standing.load(standing.HELD) is not None:
        sys.exit("The site does not serve again: its address is another machine's.")
    return {}


def take_over(given: dict[str, Any]) -> dict[str, Any]:
    release, document = site_data.live()
    secret, parts = seal.agree(KEY, given["key"]), site_data.parts(document)
    shutil.rmtree(INCOMING, ignore_errors=True)
    os.makedirs(INCOMING, mode=0o700)
    try:
        source = Source(given["source"], seal.derived(secret, "place"))
        for name in parts:
            source.fetch(name, f"{INCOMING}/{name}")
        for name in parts:
            seal.verify(f"{INCOMING}/{name}", secret=secret, purpose=purpose_of(name, parts))
        with standing.alone():
            programs = standing.running()
            standing.stop_all()
            put_in_place(parts, secret)
            migrate(release)
            standing.start_all(programs)
    finally:
        shutil.rmtree(INCOMING, ignore_errors=True)
    is_live(release, document["health_path"])
    os.unlink(KEY)
    return {}


def put_in_place(parts: dict[str, site_data.Part], secret: str) -> None:
    for name, part in parts.items():
        print(f"Taking over: {name}", flush=True)
        site_data.clear(part)
        how = {"cwd": site_data.SHARED, "env": site_data.ENVIRONMENT}
        purpose = purpose_of(name, parts)
        seal.unseal(f"{INCOMING}/{name}", part.fill, secret=secret, purpose=purpose, **how)


class Source:
    """The old machine's nginx, asked over the network that both are in."""

    def __init__(self, address: str, place: str) -> None:
        self.address = ipaddress.ip_address(address)
        if not self.address.is_private:
            sys.exit("The other machine's address is no private one.")
        self.place = place

    def fetch(self, name: str, path: str) -> None:
        """Whole, in as many attempts as it takes, while something comes."""
        until = time.monotonic() + PATIENCE
        with open(path, "wb") as file:
            while True:
                before = file.tell()
                try:
                    if self.more(name, file):
                        return
                except (OSError, http.client.HTTPException) as error:
                    print(f"{name}: {type(error).__name__} after {file.tell():,} bytes", flush=True)
                if file.tell() > before:
                    until = time.monotonic() + PATIENCE
                if time.monotonic() > until:
                    sys.exit(f"The other machine does not give its {name}.")
                time.sleep(PAUSE)

    def more(self, name: str, file: Any) -> bool:
        """The bytes that are missing; whether it is whole now."""
        connection = http.client.HTTPConnection(str(self.address), timeout=TIMEOUT)
        try:
            headers = {"Range": f"bytes={file.tell()}-"}
            connection.request("GET", f"/.well-known/ecdeployer/{self.place}/{name}", headers=headers)
            answer = connection.getresponse()
            if answer.status != http.client.PARTIAL_CONTENT:
                raise http.client.HTTPException(f"status {answer.status}")
            missing = int(answer.headers["Content-Length"])
            have_room(os.path.dirname(INCOMING), 2 * missing)
            for chunk in seal.chunks(answer, missing):
                file.write(chunk)
                missing -= len(chunk)
            return missing == 0
        finally:
            connection.close()


def migrate(release: str) -> None:
    """By the live release: what the other machine had not applied."""
    home = f"/srv/ecdeployer/releases/{release}"
    command = [
        *site_data.AS_SITE,
        "/usr/bin/python3",
        "-I",
        f"{home}/python/launch.py",
        home,
        "manage",
        "migrate",
    ]
    kept = {name: os.environ[name] for name in ("AWS_ENDPOINT_URL",) if name in os.environ}
    subprocess.run([*command, "--noinput", "--run-syncdb"], check=True, env=site_data.ENVIRONMENT | kept)


def is_live(release: str, path: str) -> None:
    """As a visitor sees it. Raises check.NotLiveError."""
    host = standing.address() or "localhost"
    check.check_live(check.Site("tcp:127.0.0.1:80", host=host, log=standing.log_of(release)), path)


def have_room(directory: str, needed: int) -> None:
    free = shutil.disk_usage(directory).free
    if free < needed + SPARE:
        sys.exit(f"The disk has no room: {needed + SPARE:,} bytes are needed, {free:,} are free.")


ACTIONS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "measure": measure,
    "expect": expect,
    "hand-over": hand_over,
    "hold": hold,
    "resume": resume,
    "take-over": take_over,
}


def main(action: str) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("It was ended."))
    os.umask(0o022)
    try:
        answer = ACTIONS[action](json.load(sys.stdin))
    except (seal.SealError, seal.PartError, check.NotLiveError, subprocess.CalledProcessError) as error:
        sys.exit(str(error))
    print(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1])
