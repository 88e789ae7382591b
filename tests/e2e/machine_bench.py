"""A local cloud, a git server and a listener for reports: machines can be tried without the portal."""

import contextlib
import hashlib
import http.server
import json
import os
import re
import secrets
import subprocess
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import boto3
from ecdeployer.cloud_init import documents, user_data
from ecdeployer.cloud_init.parameters import DeploymentParameters, ImageParameters

from scripts.delivery.cloud import local_cloud

Found = TypeVar("Found")
ROOT = Path(__file__).resolve().parents[2]
REGION = "eu-west-1"
GIT = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main"]


def wait_for(look: Callable[[], Found | None], *, seconds: float, what: str) -> Found:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds} s for {what}")


@dataclass
class Acted:
    """How an action ended, and the end of what it printed."""

    code: int
    text: str

    def answer(self) -> dict[str, Any]:
        assert self.code == 0, self.text
        return dict(json.loads(self.text.splitlines()[-1]))


@dataclass
class Report:
    """What one deployment has told, as the portal would keep it."""

    token: str
    events: list[dict[str, Any]] = field(default_factory=list)
    logs: dict[str, bytes] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    changes: list[dict[str, str]] = field(default_factory=list)
    plan: list[dict[str, Any]] | None = None
    result: dict[str, Any] | None = None
    heard: list[float] = field(default_factory=list)

    def apply(self, body: dict[str, Any]) -> dict[str, Any]:
        self.heard.append(time.time())
        known = {event["number"] for event in self.events}
        self.events += [event for event in body["events"] if event["number"] not in known]
        for part in body["logs"]:
            have = self.logs.get(part["step"], b"")
            if part["offset"] == len(have):
                self.logs[part["step"]] = have + bytes(part["next"] - part["offset"])
                self.texts[part["step"]] = self.texts.get(part["step"], "") + part["text"]
        self.changes = body["changes"] or self.changes
        self.plan = body.get("plan") if self.plan is None else self.plan
        self.result = body["result"] or self.result
        offsets = {step: len(content) for step, content in self.logs.items()}
        last = max((event["number"] for event in self.events), default=0)
        return {"event": last, "logs": offsets, "final": self.result is not None}

    def states(self) -> dict[str, str]:
        return {event["step"]: event["state"] for event in self.events}

    def seconds(self) -> dict[str, float]:
        begun = {event["step"]: event["at"] for event in self.events if event["state"] == "running"}
        return {
            event["step"]: round(event["at"] - begun[event["step"]], 2)
            for event in self.events
            if event["state"] != "running"
        }

    def flags(self) -> dict[str, str]:
        return {flag["kind"]: flag["text"] for item in self.plan or [] for flag in item["flags"]}

    def changed(self) -> dict[str, str]:
        return {change["setting"]: change["to"] for change in self.changes}


class Listener(http.server.ThreadingHTTPServer):
    """Receives reports below /reports/, and serves bare repositories below /git/."""

    daemon_threads = True

    def __init__(self, address: str, repositories: Path) -> None:
        super().__init__((address, 0), Handler)
        self.repositories = repositories
        self.reports: dict[str, Report] = {}
        self.refusing = False
        self.url = f"http://{address}:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    server: Listener

    def do_GET(self) -> None:
        self._git()

    def do_POST(self) -> None:
        if self.path.startswith("/git/"):
            self._git()
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        report = self.server.reports.get(self.path.split("/")[2])
        if self.server.refusing or report is None:
            self._answer(503 if report else 404, b"")
        elif self.headers["Authorization"] != f"Bearer {report.token}":
            self._answer(401, b"")
        else:
            self._answer(200, json.dumps(report.apply(json.loads(body))).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _git(self) -> None:
        path, _, query = self.path.removeprefix("/git").partition("?")
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.server.repositories),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
        }
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        done = subprocess.run(
            ["git", "http-backend"], input=body, capture_output=True, env=environment, check=True
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(lines.pop("Status", "200").split()[0]))
        for name, value in lines.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


class Bench:
    """One local cloud with a golden image of the present script."""

    def __init__(self, endpoint: str, bridge: str, folder: Path) -> None:
        self.endpoint, self.folder = endpoint, folder
        self.inside = endpoint.replace("127.0.0.1", bridge)
        session = boto3.Session("test", "test", region_name=REGION)
        self.ec2 = session.client("ec2", endpoint_url=endpoint)
        self.ssm = session.client("ssm", endpoint_url=endpoint)
        self.repositories = folder / "repositories"
        self.repositories.mkdir(parents=True, exist_ok=True)
        self.listener = Listener(bridge, self.repositories)
        for name, content in (
            ("ecdeployer-deploy", documents.deploy_document()),
            ("ecdeployer-status", documents.status_document()),
            ("ecdeployer-act", documents.act_document()),
        ):
            with contextlib.suppress(self.ssm.exceptions.InvalidDocument):
                self.ssm.delete_document(Name=name)
            self.ssm.create_document(
                Name=name,
                DocumentType="Command",
                Content=json.dumps(content),
                VersionName=documents.version_name(content),
            )
        iam = session.client("iam", endpoint_url=endpoint)
        with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_role(RoleName="bench", AssumeRolePolicyDocument="{}")
            iam.create_instance_profile(InstanceProfileName="bench")
            iam.add_role_to_instance_profile(InstanceProfileName="bench", RoleName="bench")

    def image(self) -> str:
        """The golden image of this very script, made when there is none yet."""
        script = user_data.render_image(ImageParameters(agents="skip", region=REGION))
        name = f"bench-{hashlib.sha256(script).hexdigest()[:20]}"
        there = self.ec2.describe_images(Filters=[{"Name": "name", "Values": [name]}])["Images"]
        if there:
            return str(there[0]["ImageId"])
        base = "/aws/service/debian/release/12/latest/amd64"
        base_ami = self.ssm.get_parameter(Name=base)["Parameter"]["Value"]
        builder = self.launch(script, image=base_ami)
        try:
            verdict = wait_for(lambda: self._verdict(builder), seconds=1200, what="the image's verdict")
            assert verdict == "succeeded", self.console(builder)
            self.ec2.stop_instances(InstanceIds=[builder])
            wait_for(lambda: self.state(builder) == "stopped" or None, seconds=60, what="the builder to stop")
            made = str(self.ec2.create_image(InstanceId=builder, Name=name)["ImageId"])
            self.ec2.get_waiter("image_available").wait(ImageIds=[made], WaiterConfig={"Delay": 1})
            return made
        finally:
            self.terminate(builder)

    def _verdict(self, builder: str) -> str | None:
        found = re.findall(r"ecdeployer image: (succeeded|failed)", self.console(builder))
        return found[-1] if found else None

    def console(self, instance: str) -> str:
        import base64

        output = self.ec2.get_console_output(InstanceId=instance).get("Output", "")
        return (
            base64.b64decode(output).decode(errors="replace") if output and " " not in output[:50] else output
        )

    def state(self, instance: str) -> str:
        reservations = self.ec2.describe_instances(InstanceIds=[instance])["Reservations"]
        return str(reservations[0]["Instances"][0]["State"]["Name"])

    def launch(self, script: bytes, *, image: str) -> str:
        answer = self.ec2.run_instances(
            ImageId=image,
            InstanceType="t3.small",
            MinCount=1,
            MaxCount=1,
            UserData=script,  # type: ignore[arg-type] # boto3 takes bytes
            IamInstanceProfile={"Name": "bench"},
        )
        return str(answer["Instances"][0]["InstanceId"])

    def address(self, instance: str) -> str:
        reservations = self.ec2.describe_instances(InstanceIds=[instance])["Reservations"]
        return str(reservations[0]["Instances"][0]["PublicIpAddress"])

    def terminate(self, instance: str) -> None:
        self.ec2.terminate_instances(InstanceIds=[instance])

    def publish(self, name: str, files: Mapping[str, str | bytes]) -> str:
        """Commit these files to a bare repository; the commit."""
        bare, work = self.repositories / name, self.folder / "work" / name
        if not bare.exists():
            subprocess.run([*GIT, "init", "--quiet", "--bare", bare], check=True)
            subprocess.run([*GIT, "clone", "--quiet", bare, work], check=True, capture_output=True)
        subprocess.run([*GIT, "-C", work, "rm", "-rq", "--ignore-unmatch", "."], check=True)
        for path, content in files.items():
            target = work / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
        subprocess.run([*GIT, "-C", work, "add", "-A", "-f"], check=True)
        subprocess.run([*GIT, "-C", work, "commit", "--quiet", "--allow-empty", "-m", "Change"], check=True)
        subprocess.run([*GIT, "-C", work, "push", "--quiet", "origin", "HEAD:main"], check=True)
        head = subprocess.run(
            [*GIT, "-C", work, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
        )
        return head.stdout.strip()

    def parameters(self, name: str, commit: str, number: int = 1, **changes: Any) -> DeploymentParameters:
        """A deployment of a published repository; a report waits for it."""
        identity, token = str(uuid.uuid4()), secrets.token_urlsafe(32)
        self.listener.reports[identity] = Report(token)
        fields: dict[str, Any] = {
            "deployment": identity,
            "application": str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
            "release": f"{number:06d}",
            "report_url": f"{self.listener.url}/reports/{identity}/",
            "report_token": token,
            "region": REGION,
            "aws_endpoint_url": self.inside,
            "parameter_path": f"/ecdeployer/{name}/environment",
            "repository": f"{self.listener.url}/git/{name}",
            "commit": commit,
            "branch": "main",
            "project_name": "mysite",
            "project_directory": "mysite",
            "settings_module": "mysite.settings",
            "wsgi_module": "mysite.wsgi",
            "asgi_module": "",
            "document_version": documents.version_name(documents.deploy_document()),
            "requirement_sources": (("requirements", "requirements.txt"),),
        }
        return DeploymentParameters(**(fields | changes))

    def store(self, parameters: DeploymentParameters, environment: Mapping[str, str]) -> None:
        import base64

        values = {"ECDEPLOYER_SECRET_KEY": "k" * 60, **environment}
        text = base64.b64encode(json.dumps(values).encode()).decode()
        parts = [
            f"{-(-(len(text) + 2) // 4096)}:{text}"[start : start + 4096]
            for start in range(0, len(text) + 2, 4096)
        ]
        for number, part in enumerate(parts):
            name = f"{parameters.parameter_path}/{number}"
            self.ssm.put_parameter(Name=name, Value=part, Type="SecureString", Overwrite=True)

    def first(self, parameters: DeploymentParameters, environment: Mapping[str, str] | None = None) -> str:
        """Launch a machine for it; the instance."""
        instance = self.launch(user_data.render(parameters), image=self.image())
        self.store(parameters, environment or {})
        return instance

    def again(self, parameters: DeploymentParameters, instance: str, *, version: str = "$DEFAULT") -> str:
        """Send it to a machine that is there; the command."""
        answer = self.ssm.send_command(
            DocumentName="ecdeployer-deploy",
            DocumentVersion=version,
            InstanceIds=[instance],
            Parameters=documents.deploy_arguments(parameters),
        )
        return str(answer["Command"]["CommandId"])

    def outcome(self, command: str, instance: str, *, seconds: float = 120) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            answer = self.ssm.get_command_invocation(CommandId=command, InstanceId=instance)
            return None if answer["Status"] in ("Pending", "InProgress") else dict(answer)

        return wait_for(look, seconds=seconds, what=f"the command {command}")

    def shell(self, instance: str, script: str) -> str:
        """What a script, run as root on the machine, prints."""
        name = f"bench-{uuid.uuid4()}"
        step = {"action": "aws:runShellScript", "name": "run", "inputs": {"runCommand": script.splitlines()}}
        content = {"schemaVersion": "2.2", "description": "bench", "parameters": {}, "mainSteps": [step]}
        self.ssm.create_document(Name=name, DocumentType="Command", Content=json.dumps(content))
        sent = self.ssm.send_command(DocumentName=name, InstanceIds=[instance])
        answer = self.outcome(sent["Command"]["CommandId"], instance)
        assert answer["Status"] == "Success", answer
        return str(answer["StandardOutputContent"])

    def act(self, instance: str, action: str, arguments: Mapping[str, Any], *, seconds: int = 120) -> Acted:
        """What a machine answers. Nobody hears its reports: AWS has what it prints."""
        request = {
            "command": str(uuid.uuid4()),
            "action": action,
            "arguments": dict(arguments),
            "seconds": seconds,
            "report_url": "http://127.0.0.1:9/reports/",
            "report_token": "t" * 64,
        }
        sent = self.ssm.send_command(
            DocumentName="ecdeployer-act",
            InstanceIds=[instance],
            Parameters=documents.act_arguments(request),
        )
        answer = self.outcome(sent["Command"]["CommandId"], instance, seconds=seconds + 30)
        if answer["Status"] != "Success":
            return Acted(code=answer["ResponseCode"], text=answer["StandardErrorContent"])
        body = json.loads(answer["StandardOutputContent"])
        return Acted(code=body["exit_code"], text=body["text"] or body["reason"])

    def report(self, parameters: DeploymentParameters, *, seconds: float = 180) -> Report:
        """The report, when the result is in."""
        report = self.listener.reports[parameters.deployment]
        wait_for(lambda: report.result, seconds=seconds, what=f"the result; so far {report.states()}")
        return report

    def get(self, instance: str, path: str = "/", **headers: str) -> tuple[int, str, Mapping[str, str]]:
        request = urllib.request.Request(f"http://{self.address(instance)}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - the address of a machine of ours
                return answer.status, answer.read().decode(errors="replace"), dict(answer.headers)
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace"), dict(error.headers)
        except urllib.error.URLError as error:
            return 0, str(error.reason), {}


@contextlib.contextmanager
def running_bench(folder: Path, *, name: str, subnet: str, port: int, state: Path) -> Iterator[Bench]:
    with local_cloud(name=name, subnet=subnet, port=port, state=state) as cloud:
        bench = Bench(cloud.endpoint, cloud.bridge, folder)
        yield bench
        bench.listener.shutdown()
        bench.listener.server_close()
