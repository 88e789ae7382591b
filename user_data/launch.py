"""Become a program of a release, with its environment: launch.py RELEASE serve|inspect|manage ARGUMENT...

Values reach the process as they were given: nothing between Parameter Store and here knows quoting.
"""

import http.client
import json
import os
import sys
from typing import Any

CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
KEPT = ("http_proxy", "https_proxy", "no_proxy", "AWS_ENDPOINT_URL")
#: Loads settings and applications, and little more; `version` passes where the settings cannot be imported.
INSPECT = ("check", "--list-tags")
#: What serves goes first while a release starts beside it; `program.hurry` ends that.
BEHIND = 5
#: standing.py's: what is moved must not be written meanwhile.
HELD = "/run/ecdeployer.held"
ADDRESSES = ("public-ipv4", "public-hostname", "local-ipv4", "local-hostname")


def main(home: str, action: str, *arguments: str) -> None:
    if os.path.exists(HELD):
        sys.exit("The site is being moved to another machine.")
    release = os.path.basename(home)
    with open(f"/etc/ecdeployer/environment/{release}.json", encoding="utf-8") as file:
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
    os.execve(python, command, environment)  # noqa: S606


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
    overlay = {name: value for name, value in document.items() if name != "environment"}
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
    """Asked at each start: a machine that was stopped comes back with another public address."""
    try:
        connection = http.client.HTTPConnection("169.254.169.254", timeout=2)
        token = ask(connection, "PUT", "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "60"})
        header = {"X-aws-ec2-metadata-token": token}
        found = [ask(connection, "GET", f"/latest/meta-data/{name}", header) for name in ADDRESSES]
    except (OSError, http.client.HTTPException):
        return []
    return [address for address in found if address]


def ask(connection: http.client.HTTPConnection, method: str, path: str, headers: dict[str, str]) -> str:
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode("ascii", "replace").strip()
    return text if answer.status == http.client.OK else ""


if __name__ == "__main__":
    main(*sys.argv[1:])
