"""What nginx, supervisor and bash themselves read in the texts that are written for them."""

import getpass
import json
import os
import re
import subprocess
import time
import uuid
from collections.abc import Iterator
from html.parser import HTMLParser
from http.client import HTTPConnection
from pathlib import Path
from socket import AF_UNIX, socket
from typing import Any, NamedTuple

import pytest
from ecdeployer.cloud_init import nginx
from ecdeployer.cloud_init.parameters import DeploymentParameters
from ecdeployer.cloud_init.quoting import UnsafeTextError, nginx_word, supervisor_words

from tests.unit.hostile.corpus import CORPUS, is_unicode
from user_data import inspection, maintenance

ROOT = Path(__file__).parents[3]
READERS = Path(os.environ.get("READERS", "/"))  # where the files of Debian's nginx and supervisor are
NGINX = READERS / "usr/sbin/nginx"
PYTHON_PACKAGES = READERS / "usr/lib/python3/dist-packages"
HOSTILE = [
    text.replace("touch canary", "touch {canary}")
    for text in dict.fromkeys(["plain", "a b", *CORPUS["everywhere"], *CORPUS["env_value"]])
    if is_unicode(text) and 0 < len(text) < 1000
]


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[str]:
    """A file that appears when a text was run."""
    yield f"{tmp_path}/canary"
    assert not (tmp_path / "canary").exists()


class UnixConnection(HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self.path = path

    def connect(self) -> None:
        self.sock = socket(AF_UNIX)
        self.sock.connect(str(self.path))


def serve(directory: Path, lines: str) -> str:
    """A configuration of one server with these lines, checked by nginx."""
    text = (
        f"user {getpass.getuser()}; pid {directory}/pid;\n"
        f"error_log {directory}/error.log; events {{}} http {{ access_log off;\n"
        f"client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;\n"
        f"fastcgi_temp_path {directory}/f; uwsgi_temp_path {directory}/u;\n"
        f"scgi_temp_path {directory}/s;\n{lines}\n}}\n"
    )
    (directory / "nginx.conf").write_text(text)
    done = subprocess.run(
        [NGINX, "-T", "-c", directory / "nginx.conf"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return text


@pytest.mark.parametrize("text", HOSTILE)
def test_nginx_returns_a_word_as_it_was_given(tmp_path: Path, canary: str, text: str) -> None:
    text = text.replace("{canary}", canary)
    try:
        word = nginx_word(text)
    except UnsafeTextError:
        assert "$" in text or not text.isprintable()
        return
    serve(tmp_path, f"server {{ listen unix:{tmp_path}/s.sock; location / {{ return 200 {word}; }} }}")
    subprocess.run([NGINX, "-c", tmp_path / "nginx.conf"], check=True)
    try:
        connection = UnixConnection(tmp_path / "s.sock")
        connection.request("GET", "/")
        assert connection.getresponse().read().decode() == text
        connection.close()
    finally:
        subprocess.run([NGINX, "-c", tmp_path / "nginx.conf", "-s", "stop"], check=True)


@pytest.mark.parametrize("url", HOSTILE)
def test_nginx_reads_two_locations_at_most_of_what_a_project_says(
    tmp_path: Path, canary: str, url: str
) -> None:
    url = url.replace("{canary}", canary)
    text = inspection.locations({"STATIC_URL": f"/{url}/", "MEDIA_URL": url}, "000001")
    written = serve(tmp_path, f"server {{ listen unix:{tmp_path}/s.sock;\n{text}\n}}")
    assert written.count("listen") == 1
    assert text.count("alias") <= 1


def site(directory: Path) -> None:
    """The configuration of a site whose gunicorn is away, in a directory."""
    (directory / "x.locations").write_text(inspection.locations({"STATIC_URL": "/static/"}, "000001"))
    if not (directory / "maintenance.conf").exists():
        (directory / "maintenance.conf").write_text(maintenance.OFF)
    text = nginx.render("000001", check="c" * 32)
    for there, here in {
        "/etc/ecdeployer/nginx/000001.locations": f"{directory}/x.locations",
        "/etc/ecdeployer/nginx/maintenance": f"{directory}/maintenance",
        "/srv/ecdeployer/releases/000001/maintenance": f"{directory}/own",
        nginx.ACCESS_LOG: f"{directory}/access.log",
        "listen 80 default_server": f"listen unix:{directory}/s.sock",
    }.items():
        text = text.replace(there, here)
    serve(directory, text)


def test_nginx_takes_the_site(tmp_path: Path) -> None:
    site(tmp_path)


LINE = re.compile(r'\d{4}-\d\d-\d\dT[\d:+]{14} (\d{3}) (\d+\.\d{3}) (\S*) "([^"]*)" \d+ unix: "([^"]*)"')


@pytest.mark.parametrize(
    ("request_line", "agent", "logged"),
    [
        ("GET /a/b?token=secret HTTP/1.0", "curl", ("502", "GET", "/a/b", "curl")),
        ("PROPFIND /%0a%22 HTTP/1.0", 'a" 500 9.9 "', ("502", "PROPFIND", "/%0a%22", r"a\x22 500 9.9 \x22")),
        ("GET /\x1b[31m\xe9\\ HTTP/1.0", "\t\x7f", ("400", "-", "", "-")),
        ("nonsense", "x", ("400", "-", "", "-")),
        ('GET /\xe9" HTTP/1.0', "x", ("502", "GET", r"/\xE9\x22", "x")),
    ],
)
def test_a_request_is_one_line_of_the_access_log_whatever_it_says(
    tmp_path: Path, request_line: str, agent: str, logged: tuple[str, str, str, str]
) -> None:
    site(tmp_path)
    subprocess.run([NGINX, "-c", tmp_path / "nginx.conf"], check=True)
    try:
        with socket(AF_UNIX) as connection:
            connection.connect(str(tmp_path / "s.sock"))
            connection.sendall(f"{request_line}\r\nHost: x\r\nUser-Agent: {agent}\r\n\r\n".encode("latin-1"))
            while connection.recv(4096):
                pass
    finally:
        subprocess.run([NGINX, "-c", tmp_path / "nginx.conf", "-s", "quit"], check=True)
    until = time.monotonic() + 5
    while not (text := (tmp_path / "access.log").read_text()) and time.monotonic() < until:
        time.sleep(0.05)
    found = LINE.fullmatch(text.rstrip("\n"))
    assert found is not None, text
    assert (found[1], *found.groups()[2:]) == logged


SUPERVISOR = """\
import json, sys
from supervisor.options import ServerOptions
options = ServerOptions()
options.realize(["-c", sys.argv[1]])
groups = options.process_group_configs
print(json.dumps([[p.name, p.command] for group in groups for p in group.process_configs]))
"""


@pytest.mark.parametrize("text", HOSTILE)
def test_supervisor_reads_one_program_with_its_words(tmp_path: Path, canary: str, text: str) -> None:
    text = text.replace("{canary}", canary)
    try:
        command = supervisor_words("/bin/echo", text)
    except UnsafeTextError:
        assert re.search(" [;#]", text) or not text.isprintable()
        return
    conf = tmp_path / "supervisord.conf"
    program = f"[program:site-000001]\ncommand={command}\n"
    conf.write_text(f"[supervisord]\nlogfile={tmp_path}/log\n{program}", encoding="utf-8")
    done = subprocess.run(
        ["/usr/bin/python3", "-c", SUPERVISOR, conf],
        capture_output=True, text=True, check=False, env={"PYTHONPATH": str(PYTHON_PACKAGES)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ((name, read),) = json.loads(done.stdout)
    split = subprocess.run(
        ["/usr/bin/python3", "-c", SPLIT, read],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (name, json.loads(split.stdout)) == ("site-000001", ["/bin/echo", text])


SPLIT = "import json, shlex, sys; print(json.dumps(shlex.split(sys.argv[1])))"
READ = """\
set -euo pipefail
declare -A given=()
root=/nowhere tools=$1
eval "$(sed -n '/^read_deployment() {/,/^}/p' "$1/user_data/deploy.sh")"
read_deployment "$2"
for name in branch health_path repository; do printf '%s\\0' "${given[$name]}"; done
"""


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_bash_reads_a_deployment_as_data(tmp_path: Path, canary: str, text: str) -> None:
    """Also where no validator stood before: the texts are put into the document behind its back."""
    text = text.replace("{canary}", canary)
    parameters = DeploymentParameters(
        deployment=str(uuid.UUID(int=1)), application=str(uuid.UUID(int=2)), release="000001",
        report_url="http://portal/", report_token="t" * 32, region="eu-west-1", aws_endpoint_url=None,
        parameter_path="/x", repository="https://github.com/o/r", commit="a" * 40, branch="main",
        project_name="x", project_directory="x", settings_module="x.settings", wsgi_module="", asgi_module="",
        document_version="b" * 32,
    )  # fmt: skip
    text = text.replace("\0", "")
    document = json.loads(parameters.to_json()) | {"branch": text, "health_path": text, "repository": text}
    (tmp_path / "deployment.json").write_text(json.dumps(document))
    done = subprocess.run(
        ["bash", "-c", READ, "bash", ROOT, tmp_path / "deployment.json"], capture_output=True, check=True
    )
    assert done.stdout.decode().split("\0")[:3] == [text] * 3


def in_maintenance(directory: Path, message: str = "", **changes: object) -> None:
    state = maintenance.NOTHING | {"reasons": {"person": 0}, "message": message} | changes
    (directory / "maintenance.conf").write_text(maintenance.render(state))
    (directory / "maintenance.html").write_text(maintenance.page(state))
    site(directory)
    subprocess.run([NGINX, "-c", directory / "nginx.conf"], check=True)


class Answer(NamedTuple):
    status: int
    headers: Any
    text: str


def ask(directory: Path, path: str, method: str = "GET", **headers: str) -> Answer:
    connection = UnixConnection(directory / "s.sock")
    try:
        connection.request(
            method, path, headers={name.replace("_", "-"): each for name, each in headers.items()}
        )
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read().decode())
    finally:
        connection.close()


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[Path]:
    """The directory of an nginx that is stopped at the end."""
    yield tmp_path
    subprocess.run([NGINX, "-c", tmp_path / "nginx.conf", "-s", "stop"], check=True)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
def test_maintenance_is_the_answer_to_every_method(stopped: Path, method: str) -> None:
    in_maintenance(stopped, "Back at <b>noon</b>.", retry_after=600)
    answer = ask(stopped, "/anything?x=1", method)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "600")
    assert answer.headers["X-Ecdeployer-Maintenance"] == "1"
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Back at &lt;b&gt;noon&lt;/b&gt;." in answer.text
    assert ask(stopped, "/anything", "HEAD").status == 503
    assert ask(stopped, "/.ecdeployer-maintenance").status == 404
    assert (stopped / "access.log").read_text().count(" 503 ") == 0


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/.well-known/acme-challenge/x", 502),
        ("/.well-known/acme-challenge/../../admin/", 503),
        ("/%2ewell-known/acme-challenge/%2e%2e/%2e%2e/admin/", 503),
        ("/in", 503),
        ("/static/none.css", 404),
    ],
)
def test_certificates_and_static_files_go_on(stopped: Path, path: str, status: int) -> None:
    """The site's own process is away here: 502 says that it was asked."""
    in_maintenance(stopped)
    assert ask(stopped, path).status == status


def test_the_portal_and_those_let_through_see_the_site(stopped: Path) -> None:
    in_maintenance(stopped)
    assert ask(stopped, "/", X_Ecdeployer_Check="c" * 32).status == 502
    for wrong in ("c" * 31, "", "in", "C" * 33):
        assert ask(stopped, "/", X_Ecdeployer_Check=wrong).status == 503


def test_a_page_that_the_project_brings_is_served_as_it_is(stopped: Path) -> None:
    (stopped / "own.html").write_text("<h1>{% mine %} $uri</h1>")
    in_maintenance(stopped, "Hello")
    answer = ask(stopped, "/")
    assert (answer.status, answer.text) == (503, "<h1>{% mine %} $uri</h1>")


def test_nginx_takes_as_many_addresses_as_there_may_be(tmp_path: Path) -> None:
    addresses = [f"2001:db8:{each:x}::/48" for each in range(25)]
    addresses += [f"203.0.113.{each}/32" for each in range(25)]
    state = maintenance.NOTHING | {"reasons": {"move": 1764169200.0}, "addresses": addresses}
    (tmp_path / "maintenance.conf").write_text(maintenance.render(state))
    site(tmp_path)


@pytest.mark.parametrize("text", [text for text in HOSTILE if len(text) < maintenance.TEXT])
def test_a_message_is_text_on_its_page(text: str) -> None:
    class Read(HTMLParser):
        tags, words = 0, ""

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.tags += 1

        def handle_data(self, data: str) -> None:
            self.words += data

    plain, reader = Read(), Read()
    plain.feed(maintenance.page(maintenance.NOTHING))
    reader.feed(maintenance.page(maintenance.NOTHING | {"message": text}))
    assert reader.tags == plain.tags
    assert text.replace("\r", "") in reader.words.replace("\r", "")
