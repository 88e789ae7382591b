"""Do one thing that the portal asks of its machine: act.py FILE, the request's JSON.

What is done is a program whose output goes to a file, and is posted to the portal as it grows. The portal
answers when nobody wants it any more. At the end one report is printed, for a portal that was out of reach.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from user_data.launch import as_site
from user_data.report import OPENER, Deployment, load, whole

FOLDER = "/var/lib/ecdeployer/commands"
ENVIRONMENTS = "/etc/ecdeployer/environment"
PAUSE, HEARTBEAT, GRACE = 0.4, 5.0, 5.0
#: A report's text takes at most six times its bytes as JSON; the portal takes 256 KB.
CHUNK, PRINTED = 40_000, 18_000
#: Tries for what is left at the end. Seconds after which following is of no use: nobody hears.
TRIES, DEAF = 3, 20.0
KEEP = 30 * 24 * 3600
KEPT = ("http_proxy", "https_proxy", "no_proxy", "AWS_ENDPOINT_URL")
SUPERUSER = """
import json, sys
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import identify_hasher
from django.db import transaction
given = json.load(sys.stdin)
User = get_user_model()
name, email = User.USERNAME_FIELD, User.get_email_field_name()
fields = {name: given["username"]}
if email in {each.name for each in User._meta.get_fields()} and email not in fields:
    fields[email] = given["email"]
missing = sorted(set(User.REQUIRED_FIELDS) - set(fields))
if missing:
    sys.exit("The user model wants more than this form knows: " + ", ".join(missing))
if User._default_manager.filter(**{name: given["username"]}).exists():
    sys.exit(f"There is a user whose {name} is {given['username']} already.")
try:
    identify_hasher(given["password_hash"])
except ValueError:
    sys.exit("The project's PASSWORD_HASHERS do not know the form that the password comes in: add "
        "django.contrib.auth.hashers.PBKDF2PasswordHasher at their end.")
with transaction.atomic():
    user = User._default_manager.create_superuser(**fields, password=None)
    user.password = given["password_hash"]
    user.save(update_fields=["password"])
print(f"Created the superuser {given['username']}.")
"""


def manage(arguments: dict[str, Any]) -> tuple[list[str], str]:
    return as_site("manage", *arguments["words"]), ""


def superuser(arguments: dict[str, Any]) -> tuple[list[str], str]:
    return as_site("manage", "shell", "-c", SUPERUSER), json.dumps(arguments)


def cancel(arguments: dict[str, Any]) -> tuple[list[str], str]:
    return [sys.executable, "-sEm", "user_data.report", "stop", arguments["deployment"]], ""


def moving(action: str) -> Callable[[dict[str, Any]], tuple[list[str], str]]:
    return lambda arguments: ([sys.executable, "-sEm", "user_data.moving", action], json.dumps(arguments))


def logs(arguments: dict[str, Any]) -> tuple[list[str], str]:
    """As an account that owns nothing: what is read was written by the site and its visitors."""
    reader = ["setpriv", "--reuid=nobody", "--regid=adm", "--groups=adm,systemd-journal"]
    limits = ["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--"]
    return [*reader, *limits, sys.executable, "-sEm", "user_data.logs"], json.dumps(arguments)


def maintenance(arguments: dict[str, Any]) -> tuple[list[str], str]:
    return [sys.executable, "-sEm", "user_data.maintenance", "want"], json.dumps(arguments)


def processes(_: dict[str, Any]) -> tuple[list[str], str]:
    return [sys.executable, "-sEm", "user_data.processes", "show"], ""


def restart(arguments: dict[str, Any]) -> tuple[list[str], str]:
    return [sys.executable, "-sEm", "user_data.processes", "restart", arguments["name"]], ""


def schedules(arguments: dict[str, Any]) -> tuple[list[str], str]:
    return [sys.executable, "-sEm", "user_data.schedules", "sync", "/dev/stdin"], json.dumps(arguments)


def schedule(arguments: dict[str, Any]) -> tuple[list[str], str]:
    return [sys.executable, "-sEm", "user_data.schedules", "run", arguments["schedule"]], ""


#: The program, and what it reads.
ACTIONS: dict[str, Callable[[dict[str, Any]], tuple[list[str], str]]] = {
    "manage": manage,
    "superuser": superuser,
    "cancel": cancel,
    **{name: moving(name) for name in ("measure", "expect", "hand-over", "hold", "resume", "take-over")},
    "logs": logs,
    "maintenance": maintenance,
    "processes": processes,
    "restart": restart,
    "schedules": schedules,
    "schedule": schedule,
}


class Act:
    """One request, its program and its output."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.request = request
        self.offset = 0
        self.unwanted = False
        self.path = f"{FOLDER}/{request['command']}"
        # Values of the site's environment do not leave the machine; old logs hold those of old releases.
        self.site = Deployment("0" * 36)
        known: set[str] = set()
        for name in os.listdir(ENVIRONMENTS) if os.path.isdir(ENVIRONMENTS) else ():
            self.site.learn_secrets(name.removesuffix(".json"))
            known.update(self.site.secrets)
        self.site.secrets = sorted(known, key=len, reverse=True)

    def run(self) -> dict[str, Any]:
        """The last report."""
        command, given = ACTIONS[self.request["action"]](self.request["arguments"])
        environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        environment |= {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8"}
        with open(self.path, "wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        assert process.stdin is not None  # noqa: S101 - it was asked for
        with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
            pipe.write(given.encode())
        reason = self.follow(process)
        end(process)
        return self.conclude(process.returncode, reason)

    def follow(self, process: "subprocess.Popen[bytes]") -> str:
        """Until it has ended, or has to; why it has to."""
        until = time.monotonic() + float(self.request["seconds"])
        spoken = heard = time.monotonic()
        while process.poll() is None:
            if time.monotonic() > until:
                return f"It took longer than {self.request['seconds']} seconds, and was ended."
            body = self.report()
            if body["text"] or time.monotonic() - spoken > HEARTBEAT:
                spoken = time.monotonic()
                heard = spoken if self.post(body) else heard
            if self.unwanted:
                return "It was cancelled."
            if self.request["arguments"].get("follow") and spoken - heard > DEAF:
                return "The machine cannot reach the portal: what it prints cannot be followed."
            if body["next"] - body["offset"] < CHUNK // 2:
                time.sleep(PAUSE)
        return ""

    def conclude(self, code: int, reason: str) -> dict[str, Any]:
        """Post what is left; what was not taken is in the answer."""
        failed = 0
        while not self.unwanted and failed < TRIES:
            body = self.report(last=True)
            final = body["next"] == os.path.getsize(self.path)
            if final:
                body |= {"exit_code": code, "reason": reason}
            before = self.offset
            if not self.post(body):
                failed += 1
                time.sleep(0 if self.unwanted or failed == TRIES else PAUSE)
            elif final and self.offset >= body["next"]:
                break
            elif self.offset == before:
                failed += 1
        size = os.path.getsize(self.path)
        self.offset = min(self.offset, max(0, size - PRINTED // 3)) if size > PRINTED // 3 else 0
        body = self.report(last=True)
        while len(json.dumps(body)) > PRINTED:
            body["text"] = body["text"][len(body["text"]) // 2 :]
        return body | {"exit_code": code, "reason": reason}

    def report(self, *, last: bool = False) -> dict[str, Any]:
        """The next part of the output, whole lines where it can be; of the ``last`` everything."""
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            chunk = file.read(CHUNK)
        if not last or len(chunk) == CHUNK:
            chunk = chunk[: whole(chunk, self.site.secrets)]
        text = self.site.redacted(chunk.decode("utf-8", "replace"))
        return {
            "offset": self.offset,
            "next": self.offset + len(chunk),
            "text": text,
            "exit_code": None,
            "reason": "",
        }

    def post(self, body: dict[str, Any]) -> bool:
        """Whether the portal has it now."""
        headers = {
            "Authorization": f"Bearer {self.request['report_token']}",
            "Content-Type": "application/json",
        }
        request = urllib.request.Request(self.request["report_url"], json.dumps(body).encode(), headers)
        try:
            with OPENER.open(request, timeout=10) as answer:
                self.offset = int(json.loads(answer.read(65536))["next"])
        except urllib.error.HTTPError as error:
            self.unwanted = error.code in (401, 404, 410)
            return False
        except (OSError, ValueError, KeyError):
            return False
        return True


def end(process: "subprocess.Popen[bytes]") -> None:
    """The program and all that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def forget() -> None:
    """What is older than AWS's own memory of it."""
    for entry in os.scandir(FOLDER):
        if entry.stat().st_mtime < time.time() - KEEP:
            os.unlink(entry)


def main(path: str) -> None:
    request = load(path)
    os.unlink(path)
    os.makedirs(FOLDER, mode=0o700, exist_ok=True)
    forget()
    done = f"{FOLDER}/{request['command']}.done"
    if os.path.exists(done):
        with open(done, encoding="utf-8") as file:
            print(file.read())
        return
    act = Act(request)
    report = act.run()
    with open(done, "w", encoding="utf-8") as file:
        json.dump(report, file)
    os.unlink(act.path)
    print(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1])
