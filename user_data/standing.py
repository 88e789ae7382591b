"""Let the site stand still while what it keeps is moved: standing.py stand, standing.py resume.

`stand` is a unit of its own (see `begin`). It answers 503 to visitors, ends all that runs as the site's user,
keeps deployments out, and looks at its lease. However it ends, systemd runs `resume` after it: at the lease's
end, when it is asked to, when it is killed, at a shutdown. So a portal that is gone leaves no site at 503 for
ever. A site whose address another machine has by then does not come back: it would write, and send its mails,
twice.
"""

import contextlib
import fcntl
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import xmlrpc.client  # nosec B411 # supervisor alone is at the other end
from collections.abc import Iterator
from typing import Any

from user_data import check, program, site_data
from user_data.launch import ask_addresses

UNIT = "ecdeployer-standing"
#: While it is there nothing of the site is started: launch.py and act.py look for it.
HELD = "/run/ecdeployer.held"
#: Until when, by the clock that no one sets.
LEASE = "/run/ecdeployer.lease"
LOCK = "/run/ecdeployer.lock"
ARCHIVE = "/var/lib/ecdeployer/hand-over"
SITE_LINK = "/etc/nginx/sites-enabled/ecdeployer.conf"
PAGE = "/etc/ecdeployer/nginx/held.conf"
#: A machine that loses power comes back serving, and forgets this.
AT_BOOT = "/etc/tmpfiles.d/ecdeployer-held.conf"
DRAIN, STOP, PATIENCE = 10.0, 75.0, 120.0
#: What ends is running until it has.
RUNS = ("STARTING", "RUNNING", "BACKOFF", "STOPPING")
NGINX = """\
server {{
    listen 80 default_server;
    server_name _;
    server_tokens off;
    location /.well-known/ecdeployer/{place}/ {{
        alias {archive}/;
        access_log off;
        default_type application/octet-stream;
    }}
    location / {{
        default_type text/html;
        add_header Retry-After 30 always;
        add_header X-Ecdeployer-Maintenance 1 always;
        add_header Cache-Control no-store always;
        return 503 "<!doctype html><html lang=en><meta charset=utf-8><title>Back in a moment</title>
<h1>Back in a moment</h1><p>This site is moving to a new machine.";
    }}
}}
"""


def begin(place: str, *, seconds: float) -> None:
    """Stand still until `renew` is not called for that long. Exits where a deployment does not let it."""
    renew(seconds)
    os.makedirs(os.path.dirname(PAGE), exist_ok=True)
    with open(PAGE, "w", encoding="ascii") as file:
        file.write(NGINX.format(place=place, archive=ARCHIVE))
    module = f"{sys.executable} -sEm user_data.standing"
    properties = [f"ExecStopPost={module} resume", "TimeoutStopSec=300"]
    options = [f"--property={each}" for each in (*properties, f"WorkingDirectory={os.getcwd()}")]
    command = ["systemd-run", "--quiet", "--collect", f"--unit={UNIT}", *options, *module.split(), "stand"]
    subprocess.run(command, check=True)
    until = time.monotonic() + PATIENCE
    while not (load(HELD) or {}).get("still"):
        if time.monotonic() > until or not is_standing():
            end()
            sys.exit(
                "The site could not be stopped: a deployment runs on its machine, or a program does not end."
            )
        time.sleep(0.1)


def renew(seconds: float) -> None:
    save(LEASE, {"until": time.monotonic() + seconds})


def is_standing() -> bool:
    return not subprocess.run(["systemctl", "is-active", "--quiet", UNIT], check=False).returncode


def end(*, wait: bool = True) -> None:
    """Serve again, unless another machine has the address."""
    subprocess.run(
        ["systemctl", "stop", *([] if wait else ["--no-block"]), UNIT], check=False, stderr=subprocess.DEVNULL
    )


def is_shutting_down() -> bool:
    """Whatever serves is being stopped, and will be started at the next boot."""
    asked = subprocess.run(["systemctl", "is-system-running"], check=False, capture_output=True, text=True)
    return asked.stdout.strip() == "stopping"


def stand() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with alone():
        state = {"address": address(), "site": os.readlink(SITE_LINK), "programs": running(), "still": False}
        save(HELD, state)
        with open(AT_BOOT, "w", encoding="ascii") as file:
            file.write(f"L+! {SITE_LINK} - - - - {state['site']}\nR! {ARCHIVE}\nr! {AT_BOOT}\n")
        point_nginx(PAGE)
        stop_all()
        save(HELD, {**state, "still": True})
        while time.monotonic() < (load(LEASE) or {"until": 0})["until"]:
            time.sleep(0.2)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """No deployment meanwhile: deploy.sh waits for the same lock."""
    with open(LOCK, "a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def resume() -> None:
    state = load(HELD)
    if state is None:
        return
    now = address()
    if now and now != state["address"]:
        print(f"The address {state['address']} is another machine's by now: this one stays as it is.")
        return
    os.unlink(HELD)
    link(state["site"])
    os.unlink(AT_BOOT)
    shutil.rmtree(ARCHIVE, ignore_errors=True)
    if not is_shutting_down():
        start_all(state["programs"])
        point_nginx(state["site"])


def address() -> str:
    """Where visitors come: the first of the machine's addresses."""
    return next(iter(ask_addresses()), "")


def running() -> list[str]:
    found: list[dict[str, Any]] = program.supervisor().getAllProcessInfo()
    return [f"{each['group']}:{each['name']}" for each in found if each["statename"] in RUNS]


def stop_all() -> None:
    """Supervisor's programs, and what else runs as the site's user. A worker's task has a minute to end."""
    supervisor, begun = program.supervisor(), time.monotonic()
    for name in running():
        with contextlib.suppress(xmlrpc.client.Fault):
            supervisor.stopProcess(name, False)  # noqa: FBT003 - XML-RPC knows no names
    while running() and time.monotonic() < begun + STOP:
        time.sleep(0.1)
    until = time.monotonic() + DRAIN
    while not subprocess.run(["pkill", "-KILL", "-u", "site"], check=False).returncode:
        if time.monotonic() > until:
            sys.exit("Processes of the site do not end.")
        time.sleep(0.1)


def start_all(names: list[str]) -> None:
    """And wait for an answer of the site."""
    supervisor, (release, _) = program.supervisor(), site_data.live()
    site = check.Site(f"unix:/run/ecdeployer/{release}.sock", host="localhost", log=log_of(release))
    begin = os.path.getsize(site.log) if os.path.exists(site.log) else 0
    for name in names:
        with contextlib.suppress(xmlrpc.client.Fault):
            supervisor.startProcess(name, False)  # noqa: FBT003 - XML-RPC knows no names
    try:
        check.wait_for_start(site, begin=begin)
    except (check.NotLiveError, OSError, http.client.HTTPException) as error:
        print(error)


def log_of(release: str) -> str:
    return f"/var/log/ecdeployer/site-{release}.log"


def point_nginx(target: str) -> None:
    """Serve what this file says; what was asked before is answered, for a while."""
    old = workers()
    link(target)
    subprocess.run(["nginx", "-qt"], check=True)
    subprocess.run(["systemctl", "reload-or-restart", "nginx"], check=True)
    until = time.monotonic() + DRAIN
    while old & workers() and time.monotonic() < until:
        time.sleep(0.05)


def link(target: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{PAGE}.link")
    os.symlink(target, f"{PAGE}.link")
    os.rename(f"{PAGE}.link", SITE_LINK)


def workers() -> set[str]:
    try:
        with open("/run/nginx.pid", encoding="ascii") as file:
            parent = file.read().strip()
    except FileNotFoundError:
        return set()
    found = subprocess.run(["pgrep", "-P", parent], check=False, capture_output=True, text=True)
    return set(found.stdout.split())


def load(path: str) -> dict[str, Any] | None:
    try:
        with open(path, encoding="utf-8") as file:
            return dict(json.load(file))
    except FileNotFoundError:
        return None


def save(path: str, value: dict[str, Any]) -> None:
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        json.dump(value, file)
    os.rename(f"{path}.new", path)


if __name__ == "__main__":
    {"stand": stand, "resume": resume}[sys.argv[1]]()
