"""Projects in the shapes that people have, each unchanged, each on a machine of its own."""

import json
import socket
from typing import Any

import pytest

from tests.e2e import machine_projects as projects
from tests.e2e.conftest import LiveSite, Machines
from tests.e2e.machine_bench import Bench

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

STEPS = ["boot", "clone", "venv", "install", "configure", "collectstatic", "migrate", "start", "health"]
VALUES = {
    "EMPTY": "",
    "SPACES": "  lead and trail  ",
    "LINES": "line1\nline2\n[program:x]\ncommand=touch /tmp/pwn",
    "PERCENT": "100% %(ENV_PATH)s %%",
    "QUOTES": 'it\'s A="b",LD_PRELOAD="/tmp/x"',
    "SHELL_TEXT": "`touch /tmp/pwn` $HOME $(id) \\n ; # {{ssm:/portal/secret}}",
    "UNICODE": "é ü 漢字 💥 \ufeffbom",
    "LONG": "a" * 20_000,
}


def test_a_plain_project_goes_live_and_tells_every_step(bench: Bench, machines: Machines) -> None:
    instance, report = machines.first("plain", projects.plain())
    assert report.result == {"state": "succeeded", "step": "health", "reason": "", "code": ""}, report.texts
    assert report.states() == dict.fromkeys(STEPS, "succeeded")
    assert all(report.texts[step] for step in STEPS[1:])
    assert {"DEBUG": "False", "SECRET_KEY": "(secret)"}.items() <= report.changed().items()
    assert bench.get(instance)[:2] == (200, "<h1>release one</h1>")
    assert bench.get(instance, "/visits/?add=1")[1] == '{"visits": 1, "release": "one"}'


def test_nginx_serves_static_files_and_hides_dotfiles(bench: Bench, live: LiveSite) -> None:
    hashed = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    stored = "django.core.files.storage.FileSystemStorage"
    files = projects.plain(
        STORAGES=repr({"staticfiles": {"BACKEND": hashed}, "default": {"BACKEND": stored}})
    )
    instance = live("static", {**files, "mysite/pages/static/.env": "SECRET"})
    status, body, headers = bench.get(instance, "/static/pages/style.css")
    assert (status, body) == (200, "body { color: teal }\n")
    assert headers["Cache-Control"] == "public, max-age=3600"
    assert headers["Server"] == "nginx"
    status, body, _ = bench.get(instance, "/static/staticfiles.json")
    hashed = json.loads(body)["paths"]["pages/style.css"]
    assert "immutable" in bench.get(instance, f"/static/{hashed}")[2]["Cache-Control"]
    assert bench.get(instance, "/static/.env")[0] == 404
    assert bench.get(instance, "/.git/config")[0] == 404
    assert bench.get(instance, "/admin/", **{"Accept-Encoding": "gzip"})[2].get("Content-Encoding") == "gzip"


def test_the_environment_arrives_byte_for_byte_and_in_no_log(bench: Bench, machines: Machines) -> None:
    instance, report = machines.first("values", projects.plain(), VALUES)
    assert report.result
    assert report.result["state"] == "succeeded", report.texts
    arrived = json.loads(bench.get(instance, "/environment/")[1])
    assert {name: arrived.get(name) for name in VALUES} == VALUES
    assert arrived["SECRET_KEY_IN_USE"] == "k" * 60


def test_the_client_has_its_own_address_and_cannot_forge_it(bench: Bench, live: LiveSite) -> None:
    instance = live("client", projects.plain())
    forged = {"X-Forwarded-For": "6.6.6.6", "X-Real-IP": "6.6.6.6", "X-Forwarded-Proto": "https"}
    address, scheme = bench.get(instance, "/client/", **forged)[1].split()
    assert address == bench.listener.server_address[0]
    assert scheme == "http"


def test_utf16_requirements_in_the_project_directory(bench: Bench, machines: Machines) -> None:
    sources = (("requirements", "mysite/requirements.txt"),)
    instance, report = machines.first("utf16", projects.utf16_in_project(), requirement_sources=sources)
    assert bench.get(instance)[0] == 200, report.texts
    assert "django==5.2.1" in report.texts["install"]
    told = {change["from"] for change in report.changes if change["setting"] == "requirements"}
    assert told == {"pywin32==306", "sqlparse @ file:///C:/croot/sqlparse"}


def test_split_settings_with_a_required_variable(bench: Bench, machines: Machines) -> None:
    instance, report = machines.first(
        "split",
        projects.split_settings(),
        {"APP_SECRET": "the developer's own and long enough"},
        settings_module="mysite.settings.production",
        placeholders=(("DB_NAME", "placeholder"),),
    )
    assert bench.get(instance)[0] == 200, (report.result, report.texts)
    changed = report.changed()
    assert "SECRET_KEY" not in changed
    assert {"SECURE_SSL_REDIRECT": "False", "SESSION_COOKIE_SECURE": "False"}.items() <= changed.items()
    assert "www.example.com" in changed["ALLOWED_HOSTS"]
    assert "the developer" not in json.dumps(report.texts)


def test_a_required_variable_that_is_missing_is_named(machines: Machines) -> None:
    _, report = machines.first(
        "missing", projects.split_settings(), settings_module="mysite.settings.production"
    )
    assert report.result
    assert report.result["code"] == "environment-variable-missing"
    assert report.result["step"] == "configure"
    assert "APP_SECRET" in report.result["reason"]


def test_poetry_with_a_user_model_and_data_that_survives(bench: Bench, machines: Machines) -> None:
    sources = (("poetry", "pyproject.toml"),)
    files = projects.poetry()
    instance, report = machines.first("poetry", files, requirement_sources=sources)
    assert bench.get(instance, "/visits/?add=1")[0] == 200, (report.result, report.texts)
    later = projects.release(files, "two")
    report = machines.again("poetry", later, instance, number=2, requirement_sources=sources)
    assert report.result
    assert report.result["state"] == "succeeded", report.texts
    assert bench.get(instance, "/visits/")[1] == '{"visits": 1, "release": "two"}'


def test_pipfile(bench: Bench, machines: Machines) -> None:
    instance, report = machines.first(
        "pipfile", projects.pipfile(), requirement_sources=(("pipfile", "Pipfile"),)
    )
    assert bench.get(instance)[0] == 200, (report.result, report.texts)
    assert "requests==" in report.texts["install"]


def test_channels_answer_pages_and_websockets(bench: Bench, machines: Machines) -> None:
    instance, report = machines.first(
        "channels", projects.channels(), interface="asgi", wsgi_module="", asgi_module="mysite.asgi"
    )
    assert bench.get(instance)[0] == 200, (report.result, report.texts)
    host = bench.address(instance)
    assert bench.get(instance, "/client/")[1].startswith(str(bench.listener.server_address[0]))
    with socket.create_connection((host, 80), timeout=10) as connection:
        connection.sendall(
            f"GET /echo/ HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )
        assert connection.recv(4096).startswith(b"HTTP/1.1 101")
        connection.sendall(b"\x81\x82\0\0\0\0hi")
        assert b"echo hi" in connection.recv(100)


def test_a_wsgi_module_that_forces_absent_settings(bench: Bench, live: LiveSite) -> None:
    assert bench.get(live("forced", projects.forced_settings()))[0] == 200


def test_old_sources_are_built_with_the_tools_of_their_time(bench: Bench, machines: Machines) -> None:
    files = projects.with_requirements(projects.plain(), "django~=5.2.0\nPyYAML==5.4.1\n")
    instance, report = machines.first("oldsource", files)
    assert bench.get(instance)[0] == 200, (report.result, report.texts["install"])
    assert "Trying again with older build tools" in report.texts["install"]


def test_pip_installs_what_uv_cannot_read(bench: Bench, machines: Machines) -> None:
    """An option for one package, which uv takes for a mistake."""
    files = projects.with_requirements(projects.plain(), "django~=5.2.0\nredis --config-settings=a=b\n")
    instance, report = machines.first("option", files)
    assert bench.get(instance)[0] == 200, (report.result, report.texts["install"])
    assert "Trying again with pip" in report.texts["install"]


def test_every_package_of_the_warm_cache_can_be_installed_from_it(machines: Machines) -> None:
    """In one go: a wheel that the image's maker has spoilt sends the installer back to the index."""
    warm = ["boto3", "celery", "cryptography", "djangorestframework", "markdown", "pillow", "psycopg[binary]"]
    files = projects.with_requirements(projects.plain(), "\n".join(["django~=5.2.0", *warm]))
    _, report = machines.first("warm", files)
    assert report.result is not None
    assert report.result["state"] == "succeeded", report.texts
    assert "Trying again" not in report.texts["install"]


def test_a_package_that_is_imported_and_not_listed(bench: Bench, machines: Machines) -> None:
    files = projects.plain()
    files["mysite/mysite/settings.py"] = f"import decouple\n{files['mysite/mysite/settings.py']!s}"
    instance, report = machines.first("unlisted", files)
    assert bench.get(instance)[0] == 200, (report.result, report.texts)
    assert report.changed()["requirements"] == "python-decouple"


def database(engine: str) -> str:
    """Settings of somebody's compose file."""
    place = {"NAME": "shop", "HOST": "db", "USER": "u", "PASSWORD": "secret-of-the-code"}
    return repr({"default": {"ENGINE": f"django.db.backends.{engine}", **place}})


CACHE = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://redis:6379/1"}
SERVED: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "postgresql": ({"DATABASES": database("postgresql")}, {"services": ("postgresql",)}),
    "mysql": ({"DATABASES": database("mysql")}, {"database": "mysql"}),
    "redis": (
        {
            "CACHES": repr({"default": CACHE}),
            "SESSION_ENGINE": '"django.contrib.sessions.backends.cache"',
        },
        {"services": ("redis",)},
    ),
}


@pytest.mark.parametrize("service", SERVED)
def test_services_on_the_machine(bench: Bench, machines: Machines, service: str) -> None:
    settings, changes = SERVED[service]
    files = projects.with_requirements(projects.plain(**settings), "django~=5.2.0\nredis\n")
    instance, report = machines.first("with" + service, files, None, **changes)
    assert bench.get(instance, "/visits/?add=1")[1] == '{"visits": 1, "release": "one"}', (
        report.result,
        report.texts,
    )
    assert "secret-of-the-code" not in json.dumps(report.changes)


def test_a_python_that_cannot_be_had_is_named(machines: Machines) -> None:
    """The local cloud reaches no other Python than the machine's where GitHub is out of reach."""
    _, report = machines.first("python", projects.plain(), python="==3.4.*")
    assert report.result
    assert (report.result["step"], report.result["code"]) == ("venv", "python-unavailable")
    assert "==3.4.*" in report.result["reason"]


def test_hostile_text_reaches_no_interpreter(bench: Bench, machines: Machines) -> None:
    """What a person typed, past every validator, to bash, git, nginx, supervisor and cloud-init."""
    touch = "x';touch /tmp/pwn;$(touch /tmp/pwn)`touch /tmp/pwn`\"#{{ds.meta_data}}%(ENV_PATH)s"
    values = {**VALUES, "TEMPLATE": touch, "BREAK": f"a\n    - path: /tmp/pwn\nEOF\nARCHIVE\n{touch}"}
    instance, report = machines.first(
        "hostiletext",
        projects.plain(),
        branch=touch,
        project_name=touch,
        placeholders=tuple(values.items()),
        health_path="/client/?x=$(touch${IFS}/tmp/pwn);'`touch\"",
    )
    assert report.result
    assert report.result["state"] == "succeeded", report.texts
    arrived = json.loads(bench.get(instance, "/environment/")[1])
    assert {name: arrived.get(name) for name in values} == values
    assert bench.shell(instance, "ls /tmp/pwn 2>&1; true").strip().endswith("No such file or directory")
