"""Answer visitors with 503 and a page, while those who are let through see the site.

maintenance.py on REASON [--until EPOCH], off REASON: for the scripts of this machine. It is on while any
reason holds: what a person has switched on stays when a deployment's own reason ends.
maintenance.py told FILE: what the portal wants, from a deployment's JSON; what is newer here stays.
maintenance.py around: on for a deployment that migrates, where the portal wants that.
maintenance.py want: the same as told, from stdin and for a person: it fails where the site cannot do it.

nginx reads one file, CONF, in every release's site: who is let through, what Retry-After says, and whether.
"""

import email.utils
import fcntl
import html
import ipaddress
import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

FOLDER = "/etc/ecdeployer/nginx"
CONF, PAGE, STATE = f"{FOLDER}/maintenance.conf", f"{FOLDER}/maintenance.html", f"{FOLDER}/maintenance.json"
SITE = "/etc/nginx/sites-enabled/ecdeployer.conf"
PERSON, DEPLOYMENT = "person", "deployment"
LONGEST, MOST, TEXT = 7 * 24 * 3600, 50, 500
NOTHING: dict[str, Any] = {"revision": 0, "reasons": {}, "retry_after": 120, "message": "", "addresses": []}
# The machine asks itself, the portal shows the release's own token, and certificates are renewed.
ON = """\
geo $ecdeployer_let_in {{
    default "";
    127.0.0.0/8 in;
    ::1/128 in;
{addresses}}}
map "$ecdeployer_let_in$ecdeployer_check$uri" $ecdeployer_maintenance {{
    default 1;
    "~^in" "";
    "~^/\\.well-known/acme-challenge/" "";
}}
map "" $ecdeployer_retry_after {{
    default "{retry_after}";
}}
"""
OFF = """\
map "" $ecdeployer_maintenance {
    default "";
}
map "" $ecdeployer_retry_after {
    default "";
}
"""
HTML = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Down for maintenance</title>
<style>
body {{ color: #1f2430; background: #f6f7f9; font: 1.05rem/1.6 system-ui, sans-serif; margin: 0; }}
main {{ max-width: 34rem; margin: 18vh auto 0; padding: 0 1.5rem; }}
h1 {{ font-size: 1.7rem; }}
p {{ overflow-wrap: anywhere; white-space: pre-line; }}
@media (prefers-color-scheme: dark) {{ body {{ color: #e8eaf0; background: #14171d; }} }}
</style>
<main>
<h1>Down for maintenance</h1>
<p>{message}</p>
</main>
</html>
"""


def read_wanted(document: dict[str, Any]) -> dict[str, Any]:
    """What the portal wants, checked here again: it becomes part of root's files."""
    retry, text = int(document["retry_after"]), str(document["message"])
    given = [str(ipaddress.ip_network(each)) for each in document["addresses"]]
    if not 1 <= retry <= LONGEST or len(text) > TEXT or len(given) > MOST or "%" in "".join(given):
        sys.exit("maintenance: not what a portal sends")
    return {
        "revision": int(document["revision"]),
        "on": document["on"] is True,
        "around": document["around"] is True,
        "retry_after": retry,
        "message": text,
        "addresses": given,
    }


def render(state: dict[str, Any]) -> str:
    """nginx's file."""
    reasons = state["reasons"]
    if not reasons:
        return OFF
    until = max((float(each or 0) for each in reasons.values()), default=0.0)
    retry = email.utils.formatdate(until, usegmt=True) if until else str(int(state["retry_after"]))
    addresses = "".join(f"    {each} in;\n" for each in state["addresses"])
    return ON.format(addresses=addresses, retry_after=retry)


def page(state: dict[str, Any]) -> str:
    text = state["message"] or "This site will be back soon."
    return HTML.format(message=html.escape(text))


def take(state: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Into the state; False where what is here is newer."""
    if wanted["revision"] < state["revision"]:
        return False
    state.update({name: value for name, value in wanted.items() if name != "on"})
    if not wanted["on"]:
        state["reasons"].pop(PERSON, None)
    elif PERSON not in state["reasons"]:
        state["reasons"][PERSON] = 0
    return True


def write(path: str, text: str) -> None:
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"{path}.new", path)


def read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def apply(state: dict[str, Any]) -> None:
    """To the disk, and to nginx where that changes what it says. A file that nginx refuses is put back."""
    before, after = read(CONF), render(state)
    write(STATE, json.dumps(state))
    if read(PAGE) != page(state):
        write(PAGE, page(state))
    if before == after:
        return
    write(CONF, after)
    if not os.path.lexists(SITE):
        return
    tested = subprocess.run(["nginx", "-qt"], check=False)
    if tested.returncode:
        write(CONF, before or OFF)
        sys.exit("nginx refuses the maintenance that was asked for: the site stays as it was.")
    subprocess.run(["systemctl", "reload", "nginx"], check=True)


def obeys() -> bool:
    """Whether the release that serves looks at the file: those of older portals do not."""
    name = os.path.basename(os.path.realpath(SITE))
    return not name[0].isdigit() or "maintenance.conf" in read(SITE)


def is_deploying(lock: str = "/run/ecdeployer.lock") -> bool:
    """A deployment that was killed has left its reason behind."""
    try:
        with open(lock, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False


def begin(state: dict[str, Any], reason: str, *until: str) -> None:
    state["reasons"][reason] = float(until[1]) if until[:1] == ("--until",) else 0


def finish(state: dict[str, Any], reason: str) -> None:
    state["reasons"].pop(reason, None)


def around(state: dict[str, Any]) -> None:
    if state.get("around") and os.path.lexists(SITE):
        begin(state, DEPLOYMENT)
        print("Visitors get the maintenance page until this deployment has ended.")


def told(state: dict[str, Any], path: str) -> None:
    document = json.loads(read(path)).get("maintenance")
    if document:
        take(state, read_wanted(document))


def want(state: dict[str, Any]) -> None:
    if not take(state, read_wanted(json.load(sys.stdin))):
        print("The machine has been told something newer.")
    if not is_deploying():
        finish(state, DEPLOYMENT)


def answer(state: dict[str, Any]) -> None:
    """To the person who wants it."""
    if not obeys():
        sys.exit("The release that serves was made by an older portal. Deploy it again, then it works.")
    print(f"Maintenance is {'on' if state['reasons'] else 'off'}.")


ACTIONS: dict[str, Callable[..., None]] = {
    "on": begin,
    "off": finish,
    "around": around,
    "told": told,
    "want": want,
}


def main(action: str, *rest: str) -> None:
    # nginx's workers read the page.
    os.umask(0o022)
    os.makedirs(FOLDER, exist_ok=True)
    with open(f"{FOLDER}/maintenance.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        state = NOTHING | {"reasons": {}} | json.loads(read(STATE) or "{}")
        ACTIONS[action](state, *rest)
        apply(state)
    if action == "want":
        answer(state)


if __name__ == "__main__":
    main(*sys.argv[1:])
