"""What cannot go live says why, in the words of who knows."""

import json
from typing import Any

import pytest

from tests.e2e import machine_projects as projects
from tests.e2e.conftest import LiveSite, Machines
from tests.e2e.machine_bench import Bench

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]


def failing(files: projects.Files, **replaced: str) -> projects.Files:
    """A project with some of its files replaced; two underscores stand for a slash."""
    return files | {f"mysite/{path.replace('__', '/')}.py": text for path, text in replaced.items()}


CASES: dict[str, tuple[projects.Files, str, str, str]] = {
    "requirement": (
        projects.with_requirements(projects.plain(), "django==99.1\n"),
        "install",
        "install-failed",
        "no version of django==99.1",
    ),
    "build": (
        {
            **projects.with_requirements(projects.plain(), "django~=5.2.0\n./lib\n"),
            "lib/setup.py": "raise RuntimeError('no compiler for you')\n",
        },
        "install",
        "install-failed",
        "no compiler for you",
    ),
    "nodjango": (
        projects.with_requirements(projects.plain(), "django~=5.2.0 ; sys_platform == 'win32'\nrequests\n"),
        "install",
        "install-failed",
        "Django is not among it",
    ),
    "settings": (
        projects.plain(X="undefined_name"),
        "configure",
        "configure-failed",
        "NameError: name 'undefined_name' is not defined (mysite/mysite/settings.py, line",
    ),
    "migration": (
        failing(
            projects.plain(),
            pages__migrations__0002_more=(
                "from django.db import migrations\n\n\n"
                "def go(apps, editor):\n    raise ValueError('bad row')\n\n\n"
                "class Migration(migrations.Migration):\n    dependencies = [('pages', '0001_initial')]\n"
                "    operations = [migrations.RunPython(go)]\n"
            ),
        ),
        "migrate",
        "migrate-failed",
        "ValueError: bad row (mysite/pages/migrations/0002_more.py, line 5)",
    ),
    "wsgi": (
        failing(projects.plain(), mysite__wsgi="import json\n\njson.nothing\n"),
        "start",
        "start-failed",
        "AttributeError: module 'json' has no attribute 'nothing' (mysite/mysite/wsgi.py, line 3)",
    ),
    "server-error": (
        failing(
            projects.plain(),
            pages__views=projects.VIEWS.replace('HttpResponse(f"<h1>', 'HttpResponse(1 / 0 or f"<h1>'),
        ),
        "health",
        "health-server-error",
        "GET / answers 500: ZeroDivisionError: division by zero (mysite/pages/views.py, line",
    ),
    "loop": (
        failing(
            projects.plain(),
            pages__views=projects.VIEWS
            + "\n\ndef home(request):\n    return HttpResponse(status=302, headers={'Location': '/'})\n",
        ),
        "health",
        "health-redirect-loop",
        "redirects without end",
    ),
    "host": (
        failing(
            projects.plain(),
            pages__views=projects.VIEWS
            + "\n\ndef home(request):\n    from django.core.exceptions import DisallowedHost\n"
            "    raise DisallowedHost('ALLOWED_HOSTS')\n",
        ),
        "health",
        "health-disallowed-host",
        "ALLOWED_HOSTS",
    ),
    "suspicious": (
        failing(
            projects.plain(),
            pages__views=projects.VIEWS
            + "\n\ndef home(request):\n    from django.core.exceptions import SuspiciousOperation\n"
            "    raise SuspiciousOperation('odd')\n",
        ),
        "health",
        "health-bad-request",
        "GET / answers 400: django.core.exceptions.SuspiciousOperation: odd (mysite/pages/views.py, line",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_failure_has_its_step_its_code_and_its_cause(machines: Machines, name: str) -> None:
    files, step, code, words = CASES[name]
    _, report = machines.first(f"failing-{name}", files)
    assert report.result is not None
    assert (report.result["state"], report.result["step"], report.result["code"]) == ("failed", step, code), (
        report.result
    )
    assert words in report.result["reason"]
    assert report.states()[step] == "failed"


def test_a_missing_page_is_live_at_the_root_alone(bench: Bench, machines: Machines) -> None:
    files = projects.plain()
    files["mysite/mysite/urls.py"] = "urlpatterns = []\n"
    _, report = machines.first("nopages", files)
    assert report.result
    assert report.result["state"] == "succeeded"
    _, report = machines.first("nopages", files, health_path="/health/")
    assert report.result
    assert report.result["code"] == "health-not-found"


def test_an_unreachable_portal_stops_nothing(bench: Bench, live: LiveSite, machines: Machines) -> None:
    bench.listener.refusing = True
    try:
        commit = bench.publish("deaf", projects.plain())
        parameters = bench.parameters("deaf", commit)
        instance = bench.first(parameters)
        machines.launched.append(instance)
        from tests.e2e.machine_bench import wait_for

        def answers() -> bool | None:
            try:
                return bench.get(instance)[0] == 200 or None
            except OSError:
                return None

        wait_for(answers, seconds=60, what="the site")
    finally:
        bench.listener.refusing = False
    from ecdeployer.cloud_init import documents

    def verdict() -> dict[str, Any] | None:
        answer = bench.ssm.send_command(
            DocumentName="ecdeployer-status",
            InstanceIds=[instance],
            Parameters=documents.status_arguments(parameters.deployment),
        )
        told = bench.outcome(answer["Command"]["CommandId"], instance)
        assert told["Status"] == "Success", told
        found: dict[str, Any] | None = json.loads(told["StandardOutputContent"])["result"]
        return found

    # Visitors see the site before the last of what the deployment does.
    assert wait_for(verdict, seconds=30, what="the verdict")["state"] == "succeeded"
    assert bench.report(parameters, seconds=60).states()["health"] == "succeeded"
