"""Become a program of a release, with its environment.

launch.py RELEASE serve|inspect|release, manage ARGUMENT... or process NAME.

Values reach the process as they were given: nothing between Parameter Store and here knows quoting.
"""

import contextlib
import http.client
import json
import os
import sys
from typing import Any

CURRENT = "/srv/ecdeployer/current"
ENVIRONMENT = "/etc/ecdeployer/environment/{}.json"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
KEPT = ("http_proxy", "https_proxy", "no_proxy", "AWS_ENDPOINT_URL")
#: Loads settings and applications, and little more; `version` passes where the settings cannot be imported.
INSPECT = ("check", "--list-tags")
#: What serves goes first while a release starts beside it; `program.hurry` ends that.
BEHIND = 5
#: standing.py's: what is moved must not be written meanwhile.
HELD = "/run/ecdeployer.held"
#: What the release's settings need not know.
APART = ("environment", "processes", "procfile", "release_command")
ADDRESSES = ("public-ipv4", "public-hostname", "local-ipv4", "local-hostname")
#: Seconds of each attempt.
METADATA, PATIENCE = "169.254.169.254", (2, 5, 10)
SESSION_HEADER = "X-aws-ec2-metadata-token"


def main(home: str, action: str, *arguments: str) -> None:
    if os.path.exists(HELD):
        sys.exit("The site is being moved to another machine.")
    release = os.path.basename(home)
    with open(ENVIRONMENT.format(release), encoding="utf-8") as file:
        document = json.load(file)
    environment = compose(document, home)
    os.chdir(os.path.join(home, "source", document["project_directory"]))
    os.umask(0o022)
    python = f"{home}/venv/bin/python"
    command = [python, f"{home}/python/ecdeployer_manage.py", *(arguments or INSPECT)]
    if action == "serve":
        socket = f"unix:/run/ecdeployer/{release}.sock"
        options = ["-c", f"{home}/python/ecdeployer_gunicorn.py", "--bind", socket]
        command = [python, "-m", "gunicorn", *options, "ecdeployer_entry:application"]
        if os.path.exists(f"/run/ecdeployer-{release}.starting"):
            os.nice(BEHIND)
    elif action == "inspect":
        environment["ECDEPLOYER_INSPECT"] = "3"
        command = [python, f"{home}/python/ecdeployer_plan.py", "4", *INSPECT]
    elif action in ("process", "release"):
        lines = {**dict(document["processes"]), "": document["release_command"]}
        line = lines[arguments[0] if action == "process" else ""]
        if document["procfile"]:
            os.chdir(os.path.join(home, "source", os.path.dirname(document["procfile"])))
        command = [python, f"{home}/python/ecdeployer_process.py", line]
    os.execve(python, command, environment)  # noqa: S606


def as_site(*arguments: str) -> list[str]:
    """What becomes a program of the release that is live, as its own user."""
    home = os.path.realpath(CURRENT)
    if not os.path.isdir(home):
        sys.exit("No release is live on this machine.")
    if os.path.exists(HELD):
        sys.exit("The site is being moved to another machine.")
    site = ["setpriv", "--reuid=site", "--regid=site", "--init-groups", "--no-new-privs", "--"]
    return [*site, "/usr/bin/python3", "-I", f"{home}/python/launch.py", home, *arguments]


def compose(document: dict[str, Any], home: str) -> dict[str, str]:
    """What the process gets: placeholders below the developer's values, and our own above them."""
    given = dict(document["environment"])
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    environment |= {
        "HOME": "/srv/ecdeployer/shared/home",
        "USER": "site",
        "LANG": "C.UTF-8",
        "PATH": f"{home}/venv/bin:/usr/local/bin:/usr/bin:/bin",
        "PYTHONUNBUFFERED": "1",
        "SSL_CERT_FILE": CERTIFICATES,
        "REQUESTS_CA_BUNDLE": CERTIFICATES,
    }
    environment |= {name: value for name, value in document["placeholders"] if name not in given}
    environment |= given
    overlay = {name: value for name, value in document.items() if name not in APART}
    # The site's own address may come to the machine after this start. Older releases know of none.
    addresses = [*ask_addresses(), *document.get("addresses", [])]
    overlay |= {"home": home, "given": sorted(given), "addresses": list(dict.fromkeys(addresses))}
    environment |= {
        "VIRTUAL_ENV": f"{home}/venv",
        "PYTHONPATH": os.pathsep.join(filter(None, (f"{home}/python", given.get("PYTHONPATH")))),
        "DJANGO_SETTINGS_MODULE": "ecdeployer_settings",
        "ECDEPLOYER_OVERLAY": json.dumps(overlay),
    }
    return environment


def ask_addresses() -> list[str]:
    """Asked at each start: a machine that was stopped comes back with another public address.

    More than once: a site that knows no address of its machine refuses its visitors.
    """
    for seconds in PATIENCE:
        with contextlib.closing(http.client.HTTPConnection(METADATA, timeout=seconds)) as connection:
            try:
                token = ask(connection, "PUT", "/latest/api/token", {f"{SESSION_HEADER}-ttl-seconds": "60"})
                header = {SESSION_HEADER: token}
                found = [ask(connection, "GET", f"/latest/meta-data/{name}", header) for name in ADDRESSES]
            except (OSError, http.client.HTTPException):
                continue
        if any(found):
            return [address for address in found if address]
    return []


def ask(connection: http.client.HTTPConnection, method: str, path: str, headers: dict[str, str]) -> str:
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode("ascii", "replace").strip()
    return text if answer.status == http.client.OK else ""


if __name__ == "__main__":
    main(*sys.argv[1:])
