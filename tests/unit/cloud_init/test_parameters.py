import json
from typing import Any

import pytest
from ecdeployer.cloud_init.parameters import ImageParameters, ParameterError

from .conftest import Make

ID = "00000000-0000-0000-0000-000000000003"
SHELL = ["a;touch /tmp/pwn", "$(touch /tmp/pwn)", "`id`", "a\nb", "a\0b", "a' 'b", 'a"b', "a\u200bb\n"]
MAINTENANCE: dict[str, Any] = {
    "revision": 1,
    "on": True,
    "around": False,
    "retry_after": 120,
    "message": "$(id) 'soon' <b>",
    "addresses": ["203.0.113.0/24", "2001:db8::/32"],
}
REFUSED: dict[str, list[Any]] = {
    "deployment": ["", "1", "00000000-0000-0000-0000-000000000001\n", "../" * 12],
    "release": ["", "12", "000012\n", "٠٠٠٠١٢", "../../etc", "000012;id"],
    "report_url": [
        "",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://a/ b",
        "https://a/\n",
        'https://a/"',
    ],
    "report_token": ["", "short", "t" * 64 + "\n", "t" * 201, "$(id)$(id)$(id)$(id)"],
    "region": ["", "eu-west-1\n", "EU", "eu west 1", "eu-west-1;id"],
    "aws_endpoint_url": ["", "ftp://x", "http://a b", "http://a\n", "http://a$(id)"],
    "parameter_path": ["", "ecdeployer", "/a b", "/a\n", "/$(id)"],
    "repository": [
        "",
        "file:///etc",
        "ext::sh -c id",
        "--upload-pack=id",
        "https://a/b\n",
        "https://a/$(id)",
        "ssh://a/b",
    ],
    "commit": ["", "HEAD", "a" * 39, "A" * 40, "a" * 40 + "\n", "--upload-pack=x" + "a" * 25],
    "branch": ["a\nb", "a\0b", "a\tb", "a\x1b[2J"],
    "project_name": ["a\nb", "a\0b", "\x7f"],
    "project_directory": ["", "/etc", "..", "a/../../etc", "a//b", "-rf", "a\n", "a;id", "$(id)"],
    "settings_module": ["", ".settings", "a..b", "a b", "a;id", "a.b\n", "os.system('id')"],
    "wsgi_module": ["a b", ".a", "a\n", "a:b"],
    "asgi_module": ["a b", ".a", "a\n"],
    "interface": ["", "cgi", "wsgi\n"],
    "python": ["3.11;id", ">=3.11\n", "pypy", "3" * 101],
    "requirement_sources": [
        [("requirements", "../x")],
        [("requirements", "/etc/passwd")],
        [("a b", "x")],
        [("x",)],
    ],
    "services": [("sshd",), ("postgresql", "x")],
    "database": ["MySQL", "a b", "a\n"],
    "health_path": ["", "health", "/a b", "/a\n", "/é", "/" + "a" * 301],
    "placeholders": [[("A-B", "x")], [("A", "a\0b")], [("", "x")], [("À", "x")], [("A", 1)]],
    "confirm_migrations": ["", "true", 1, None],
    "confirmed_plan": ["a" * 63, "A" * 64, "a" * 64 + "\n", "$(id)"],
    "document": ["", "a b", "a\n", "a;b"],
    "document_version": ["", "$DEFAULT", "1", "b" * 32 + "\n", "B" * 32],
    "maintenance": [
        {"on": True},
        MAINTENANCE | {"revision": 0},
        MAINTENANCE | {"revision": True},
        MAINTENANCE | {"on": 1},
        MAINTENANCE | {"message": None},
        MAINTENANCE | {"addresses": ["10.0.0.1 in;"]},
        MAINTENANCE | {"addresses": ["10.0.0.1\n"]},
        MAINTENANCE | {"more": 1},
        None,
    ],
    "processes": [
        [("a b", "x")],
        [("../x", "y")],
        [("x]\n[program:y", "z")],
        [("é", "x")],
        [("a" * 41, "x")],
        [("", "x")],
        [("worker", "")],
        [("worker", "a\nb")],
        [("worker", "a\0b")],
        [("worker",)],
    ],
    "procfile": ["../Procfile", "/etc/passwd", "a\n"],
    "release_command": ["a\nb", "a\0b"],
    "schedules": [
        [("1", "*-*-* 04:00:00 UTC", ["check"])],
        [(ID, "*-*-* 04:00:00\nOnBootSec=1", ["check"])],
        [(ID, "%i", ["check"])],
        [(ID, "*-*-* 04:00:00 UTC", ["a\0b"])],
        [(ID, "*-*-* 04:00:00 UTC", "check", "more")],
        [(ID, "*-*-* 04:00:00 UTC", [1])],
    ],
    "schedules_revision": [-1, "1", None],
    "rollback_to": ["12", "../../etc", "000012\n", "000099"],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in REFUSED.items() for value in values]
)
def test_what_no_machine_may_be_given_is_refused_by_name(make: Make, name: str, value: Any) -> None:
    with pytest.raises(ParameterError, match=f"^{name} cannot be sent"):
        make(**{name: value})


@pytest.mark.parametrize("text", SHELL)
@pytest.mark.parametrize(
    "name", ["repository", "commit", "release", "settings_module", "project_directory", "parameter_path"]
)
def test_shell_text_is_refused_everywhere_but_in_a_line(make: Make, name: str, text: str) -> None:
    with pytest.raises(ParameterError):
        make(**{name: text})


@pytest.mark.parametrize(
    "changes",
    [
        {"branch": "feature/x;touch${IFS}/tmp/pwn", "project_name": "$(id) 'a' \"b\" é 💥"},
        {"project_directory": ".", "settings_module": "my-site.settings.prod"},
        {"project_directory": "src/My Site", "python": ">=3.11, <4", "interface": "asgi"},
        {"requirement_sources": [("poetry", "mysite/pyproject.toml")], "services": ("redis", "celery")},
        {"placeholders": [("DB_NAME", "`id` $(id) \n 'é'")], "health_path": "/health?full=1#x"},
        {"maintenance": MAINTENANCE},
        {"processes": [("worker", "$(id) `id` %(x)s 'é' ; # | &&")], "procfile": "mysite/Procfile"},
        {"schedules": [(ID, "*-*-* *:00,05:00 UTC", ["shell", "-c", "'$(id)'"])], "schedules_revision": 7},
        {"release_command": "python manage.py seed; $(id)"},
        {"aws_endpoint_url": "http://10.213.0.1:4566", "repository": "http://10.1.2.1:9418/mysite.git"},
    ],
)
def test_what_people_have_is_carried_unchanged(make: Make, changes: dict[str, Any]) -> None:
    document = json.loads(make(**changes).to_json())
    assert {name: document[name] for name in changes} == json.loads(json.dumps(changes))


def test_the_document_is_one_line_of_ascii_that_begins_with_its_identity(make: Make) -> None:
    text = make(project_name="漢字").to_json()
    assert text.isascii()
    assert "\n" not in text
    assert text.startswith('{"version":1,"deployment":"00000000-0000-0000-0000-000000000001",')


def test_the_token_is_in_no_message_and_no_representation(make: Make) -> None:
    assert "t" * 64 not in repr(make())
    with pytest.raises(ParameterError) as refusal:
        make(report_token="secret word with spaces")
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("agents", "region"), [("maybe", "eu-west-1"), ("skip", "eu"), ("skip", "eu-west-1\n")]
)
def test_an_image_is_told_a_region_and_whether_agents_are_required(agents: str, region: str) -> None:
    with pytest.raises(ParameterError):
        ImageParameters(agents=agents, region=region)


@pytest.mark.parametrize("namespace", ["two words", "a\n", '"', "x" * 256])
def test_an_image_is_told_a_namespace_of_cloudwatch(namespace: str) -> None:
    with pytest.raises(ParameterError, match="namespace"):
        ImageParameters(agents="required", region="eu-west-1", cloudwatch_namespace=namespace)
