"""Later deployments on a machine that serves: nothing is lost, and a failure changes nothing."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e import machine_projects as projects
from tests.e2e.conftest import LiveSite, Machines
from tests.e2e.machine_bench import Bench, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

PROGRAMS = "supervisorctl status | cut -d' ' -f1 | tr '\\n' ' '"


@contextmanager
def visitors(bench: Bench, instance: str) -> Iterator[list[tuple[int, str]]]:
    """Quick and slow requests, one after the other in eight threads, for as long as the block runs."""
    answers: list[tuple[int, str]] = []
    over = threading.Event()

    def visit(path: str) -> None:
        while not over.is_set():
            status, body, _ = bench.get(instance, path)
            answers.append((status, body))

    paths = ["/visits/"] * 4 + ["/visits/?slow=0.7"] * 2 + ["/static/pages/style.css"] * 2
    threads = [threading.Thread(target=visit, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_no_request_is_lost_while_releases_change(bench: Bench, live: LiveSite, machines: Machines) -> None:
    files = projects.plain()
    instance = live("switch", files)
    with visitors(bench, instance) as answers:
        for number, name in ((2, "two"), (3, "three")):
            report = machines.again("switch", projects.release(files, name), instance, number=number)
            assert report.result
            assert report.result["state"] == "succeeded", report.texts
        time.sleep(1)
    assert {status for status, _ in answers} == {200}, [answer for answer in answers if answer[0] != 200]
    seen = {json.loads(body)["release"] for _, body in answers if body.startswith("{")}
    assert seen == {"one", "two", "three"}
    assert bench.shell(instance, PROGRAMS).split() == ["site-000003"]
    assert bench.shell(instance, "readlink /srv/ecdeployer/current").strip() == "releases/000003"


@pytest.mark.parametrize("step", ["install", "configure", "migrate", "start", "health"])
def test_a_failed_deployment_leaves_the_site_as_it_was(
    bench: Bench, live: LiveSite, machines: Machines, step: str
) -> None:
    files = projects.plain()
    instance = live(f"keeps-{step}", files)
    broken = {
        "install": {"requirements.txt": "django==99.1\n"},
        "configure": {"mysite/mysite/settings.py": "1 / 0\n"},
        "migrate": {"mysite/pages/migrations/0001_initial.py": "1 / 0\n"},
        "start": {"mysite/mysite/wsgi.py": "1 / 0\n"},
        "health": {
            "mysite/pages/views.py": projects.VIEWS.replace("HttpResponse(f", "HttpResponse(1 / 0 or f")
        },
    }[step]
    with visitors(bench, instance) as answers:
        report = machines.again(f"keeps-{step}", {**files, **broken}, instance, number=2)
    assert report.result
    assert (report.result["state"], report.result["step"]) == ("failed", step), report.texts
    assert {status for status, _ in answers} == {200}
    assert bench.shell(instance, PROGRAMS).split() == ["site-000001"]
    report = machines.again(f"keeps-{step}", projects.release(files, "three"), instance, number=3)
    assert bench.get(instance)[1] == "<h1>release three</h1>", report.texts


def test_a_deployment_that_has_ended_is_not_run_again(bench: Bench, live: LiveSite) -> None:
    files = projects.plain()
    instance = live("twice", files)
    parameters = bench.parameters("twice", bench.publish("twice", files), 2)
    first = bench.outcome(bench.again(parameters, instance), instance)
    began = bench.shell(instance, "supervisorctl pid site-000002")
    second = bench.outcome(bench.again(parameters, instance), instance)
    assert [first["Status"], second["Status"]] == ["Success", "Success"]
    assert bench.shell(instance, "supervisorctl pid site-000002") == began
    events = bench.listener.reports[parameters.deployment].events
    assert [event["step"] for event in events if event["state"] == "running"].count("clone") == 1


def test_a_killed_deployment_goes_on_when_it_is_sent_again(bench: Bench, live: LiveSite) -> None:
    files = projects.plain()
    instance = live("killed", files)
    parameters = bench.parameters("killed", bench.publish("killed", projects.release(files, "two")), 2)
    for step in ("install", "collectstatic", "start"):
        command = bench.again(parameters, instance)
        report = bench.listener.reports[parameters.deployment]
        before = len(report.events)
        wait_for(
            lambda: any(event["step"] == step for event in report.events[before:]) or None,  # noqa: B023
            seconds=30,
            what=f"{step}; so far {report.events[before:]} {report.result}",
        )
        bench.shell(instance, "pkill -KILL -f [d]eploy.sh; true")
        assert bench.outcome(command, instance)["Status"] == "Failed"
        assert bench.get(instance)[0] == 200
    assert bench.outcome(bench.again(parameters, instance), instance)["Status"] == "Success"
    assert bench.get(instance)[1] == "<h1>release two</h1>"


def test_a_reboot_in_the_middle_is_finished_at_the_next_boot(bench: Bench, machines: Machines) -> None:
    parameters = bench.parameters("reboot", bench.publish("reboot", projects.plain()))
    instance = bench.first(parameters)
    machines.launched.append(instance)
    report = bench.listener.reports[parameters.deployment]
    wait_for(lambda: report.states().get("install"), seconds=60, what="the installation")
    bench.ec2.reboot_instances(InstanceIds=[instance])
    assert bench.report(parameters).result == {
        "state": "succeeded",
        "step": "health",
        "reason": "",
        "code": "",
    }
    assert bench.get(instance)[0] == 200


def test_the_site_comes_back_after_a_stop_with_its_new_address(bench: Bench, live: LiveSite) -> None:
    instance = live("stopped", projects.plain())
    bench.get(instance, "/visits/?add=1")
    before = bench.address(instance)
    bench.ec2.stop_instances(InstanceIds=[instance])
    bench.ec2.get_waiter("instance_stopped").wait(InstanceIds=[instance], WaiterConfig={"Delay": 1})
    bench.ec2.start_instances(InstanceIds=[instance])
    bench.ec2.get_waiter("instance_running").wait(InstanceIds=[instance], WaiterConfig={"Delay": 1})
    wait_for(lambda: bench.get(instance)[0] or None, seconds=30, what="the machine")
    wait_for(lambda: bench.get(instance)[0] == 200 or None, seconds=30, what="the site")
    assert bench.get(instance, "/visits/")[1] == '{"visits": 1, "release": "one"}'
    if bench.address(instance) != before:
        assert bench.get(instance)[0] == 200


def test_five_releases_are_kept(bench: Bench, live: LiveSite, machines: Machines) -> None:
    files = projects.plain()
    instance = live("many", files)
    for number in range(2, 8):
        machines.again("many", projects.release(files, str(number)), instance, number=number)
    assert bench.get(instance)[1] == "<h1>release 7</h1>"
    kept = bench.shell(instance, "ls /srv/ecdeployer/releases").split()
    assert kept == [f"{number:06d}" for number in range(3, 8)]


def test_the_project_runs_as_a_user_that_can_change_nothing_of_root(bench: Bench, live: LiveSite) -> None:
    instance = live("user", projects.plain())
    owner = "ps -o user= -p $(pgrep -f [e]cdeployer_entry | head -1)"
    assert bench.shell(instance, owner).strip() == "site"
    writable = (
        "runuser -u site -- find /etc /opt /usr /var/lib/ecdeployer /var/log/ecdeployer"
        " /srv/ecdeployer/releases/*/python -writable ! -type l 2>/dev/null; true"
    )
    assert bench.shell(instance, writable).split() == []
    files = "/etc/ecdeployer/deployment.json /var/lib/ecdeployer/deployments/*/deployment.json"
    secrets = f"runuser -u site -- cat {files} 2>&1; true"
    assert "report_token" not in bench.shell(instance, secrets)
    assert "k" * 60 not in bench.shell(
        instance, "ps axww; cat /etc/supervisor/conf.d/* /var/log/ecdeployer/*.log"
    )


def test_what_root_reads_of_the_project_is_checked(bench: Bench, machines: Machines) -> None:
    """A project that answers for its own settings cannot write nginx's configuration."""
    evil = "/x/ { } } server { listen 81; #/"
    files = projects.plain(STATIC_URL=repr(evil), MEDIA_URL='"/media/$(id)/"')
    instance, report = machines.first("hostile", files)
    assert report.result
    assert report.result["state"] == "succeeded", report.texts
    assert "listen 81" not in bench.shell(instance, "nginx -T 2>&1")
