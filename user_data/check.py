"""Ask a release for a page as nginx would, and tell what the answer means.

check.py started STATE RELEASE [kept] has supervisor start it, and waits for the first answer on its socket.
check.py live STATE RELEASE TARGET PATH judges the answer to PATH; TARGET is unix:SOCKET or tcp:HOST:PORT.
A release that answers well on its socket stands back no longer.
What is wrong goes to STATE/reason.json.
"""

import http.client
import http.cookies
import json
import os
import re
import socket
import sys
import time
import urllib.parse

from user_data import program
from user_data.launch import ask_addresses

PATIENCE = 90
HOPS = 10
ALL_READY = "All workers are ready."
#: What a site may answer and be live: it wants a sign-in, or another method.
FINE = {401, 403, 405}


class NotLiveError(Exception):
    """Why the site is not live: a code, and a sentence for the developer."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Connection(http.client.HTTPConnection):
    """HTTP over TCP or a unix socket."""

    def __init__(self, target: str, *, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self.target = target

    def connect(self) -> None:
        kind, _, place = self.target.partition(":")
        if kind == "tcp":
            host, _, port = place.rpartition(":")
            self.sock = socket.create_connection((host, int(port)), self.timeout)
            return
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(place)


class Site:
    """A release as a visitor with cookies sees it through nginx."""

    def __init__(self, target: str, *, host: str, log: str = "") -> None:
        self.target = target
        self.host = host
        self.log = log
        self.cookies = http.cookies.SimpleCookie()

    def ask(self, path: str, *, timeout: float = 60) -> tuple[int, str, str]:
        """Status, Location and the beginning of the body; OSError or HTTPException without an answer."""
        connection = Connection(self.target, timeout=timeout)
        cookie = "; ".join(f"{name}={morsel.coded_value}" for name, morsel in self.cookies.items())
        headers = {"Host": self.host, "User-Agent": "ecdeployer-check", "Accept": "text/html,*/*"}
        headers |= {"Cookie": cookie} if cookie else {}
        if self.target.startswith("unix:"):
            headers |= {"X-Forwarded-Proto": "http", "X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"}
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            for line in answer.headers.get_all("Set-Cookie", []):
                self.cookies.load(line)
            return (
                answer.status,
                answer.headers.get("Location", ""),
                answer.read(65536).decode("utf-8", "replace"),
            )
        finally:
            connection.close()

    def follow(self, path: str) -> tuple[int, str, str]:
        """Status, body and path at the end of the redirects that stay on the site."""
        seen = [path]
        for _ in range(HOPS):
            status, location, body = self.ask(path)
            print(f"GET {path}: {status} {location}".rstrip())
            if status not in (301, 302, 303, 307, 308) or not location:
                return status, body, path
            target = urllib.parse.urlsplit(urllib.parse.urljoin(f"http://{self.host}{path}", location))
            if target.netloc != self.host:
                if target.hostname == self.host.split(":")[0] and target.scheme == "https":
                    raise NotLiveError(*to_https(location))
                return 200, "", path
            if target.scheme == "https":
                raise NotLiveError(*to_https(location))
            path = urllib.parse.urlunsplit(("", "", target.path or "/", target.query, ""))
            seen.append(path)
        shown = " -> ".join(seen[:4])
        raise NotLiveError("health-redirect-loop", f"The site redirects without end: {shown} -> ... ")


def to_https(location: str) -> tuple[str, str]:
    reason = (
        f"The site redirects to {location}, and it is served over plain HTTP: see SECURE_SSL_REDIRECT, "
        "or the middleware that redirects."
    )
    return "health-https-redirect", reason


def judge(status: int, path: str, *, body: str, asked: str, log: str) -> None:
    """Raises NotLiveError; statuses below 400, and those that a live site gives to strangers, pass."""
    at = f"GET {path} answers {status}"
    if status >= 500:
        cause = last_exception(log)
        raise NotLiveError("health-server-error", f"{at}: {cause}" if cause else f"{at}.")
    if status == 400:
        raise NotLiveError(*refused(at, body=body, log=log))
    if status == 404 and asked != "/":
        raise NotLiveError(
            "health-not-found", f"{at}, and {asked} is the path that must answer: see the health path."
        )
    if status >= 400 and status != 404 and status not in FINE:
        raise NotLiveError("health-status", f"{at}, which is no page of a live site.")


def refused(at: str, *, body: str, log: str) -> tuple[str, str]:
    """Django answers 400 to a wrong Host, and to what else it finds suspicious."""
    cause = last_exception(log)
    if "ALLOWED_HOSTS" in log + body:
        why = (
            "DisallowedHost: ALLOWED_HOSTS does not hold the machine's address. See what sets ALLOWED_HOSTS."
        )
    elif cause:
        return "health-bad-request", f"{at}: {cause}"
    else:
        why = "it takes the machine's address for a wrong Host. See middleware that checks hosts."
    return "health-disallowed-host", f"{at}: {why}"


def last_exception(log: str) -> str:
    """The last line of the last traceback, and where it was raised: `KeyError: 'X' (views.py, line 3)`."""
    _, found, tail = log.rpartition("Traceback (most recent call last):")
    if not found:
        return ""
    lines = tail.splitlines()
    place = ""
    for line in lines[1:]:
        frame = re.match(r'\s+File "(?:.*/source/)?([^"]+)", line (\d+)', line)
        if frame and "/site-packages/" not in line and "/lib/python" not in line:
            place = f" ({frame[1]}, line {frame[2]})"
        bare = re.sub(r"^\[[^\]]*\] \[\d+\] \[\w+\] ", "", line)
        if re.match(
            r"[A-Za-z_][\w.]*(Error|Exception|Warning|DoesNotExist|Exit|Interrupt|Configured|NotReady|\w*)(:|$)",
            bare,
        ):
            return (bare + place)[:600]
    return ""


def tail_of(path: str, size: int = 65536, *, begin: int = 0) -> str:
    """The last bytes of a file; of one that had `begin` bytes before, what came since."""
    try:
        with open(path, "rb") as file:
            end = file.seek(0, 2)
            file.seek(max(0, end - size, begin if begin <= end else 0))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def start(site: Site, release: str, *, kept: bool) -> None:
    """A kept release has spoken in its log before, and may not have ended yet."""
    begin = os.path.getsize(site.log) if kept and os.path.exists(site.log) else 0
    runs = not program.start(release)
    wait_for_start(site, begin=begin)
    if not (kept and runs):
        wait_for_all(site, begin=begin)


def wait_for_start(site: Site, *, begin: int) -> None:
    """Any answer will do. A worker that cannot load the application says so, and does not come back."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            status, _, _ = site.ask("/", timeout=max(1.0, deadline - time.monotonic()))
        except (OSError, http.client.HTTPException):
            log = tail_of(site.log, begin=begin)
            if "Worker failed to boot" in log or ("Worker (pid:" in log and "exited with code 3" in log):
                cause = last_exception(log) or "see the log"
                raise NotLiveError("start-failed", f"The site does not start: {cause}") from None
            time.sleep(0.02)
        else:
            print(f"The first answer: {status}")
            return
    cause = last_exception(tail_of(site.log, begin=begin))
    reason = f"The site gives no answer in {PATIENCE} seconds." + (
        f" Its log ends with {cause}" if cause else ""
    )
    raise NotLiveError("health-no-answer", reason)


def wait_for_all(site: Site, *, begin: int) -> None:
    """The workers load one after the other, behind what serves: visitors come when the last one is there."""
    deadline = time.monotonic() + PATIENCE
    while ALL_READY not in tail_of(site.log, begin=begin):
        if time.monotonic() > deadline:
            print(f"Not all workers are ready after {PATIENCE} seconds.")
            return
        time.sleep(0.02)


def check_live(site: Site, path: str) -> None:
    try:
        status, body, reached = site.follow(path)
    except (OSError, http.client.HTTPException) as error:
        cause = last_exception(tail_of(site.log))
        reason = f"GET {path} gets no answer: {cause or error or type(error).__name__}."
        raise NotLiveError("health-no-answer", reason) from None
    time.sleep(0.05 if status >= 400 else 0)
    judge(status, reached, body=body, asked=path, log=tail_of(site.log))


def address(state: str) -> str:
    """Where visitors come, asked once for a deployment."""
    try:
        with open(f"{state}/address", encoding="ascii") as file:
            return file.read()
    except FileNotFoundError:
        found = next(iter(ask_addresses()), "localhost")
    with open(f"{state}/address", "w", encoding="ascii") as file:
        file.write(found)
    return found


def main(action: str, state: str, release: str, *rest: str) -> None:
    host = address(state)
    target = rest[0] if action == "live" else f"unix:/run/ecdeployer/{release}.sock"
    site = Site(target, host=host, log=f"/var/log/ecdeployer/site-{release}.log")
    try:
        if action == "started":
            start(site, release, kept="kept" in rest)
        else:
            check_live(site, rest[1])
            if target.startswith("unix:"):
                program.hurry(release)
    except NotLiveError as error:
        with open(f"{state}/reason.json", "w", encoding="utf-8") as file:
            json.dump({"code": error.code, "reason": str(error)}, file)
        print(tail_of(site.log, 8000))
        sys.exit(str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
