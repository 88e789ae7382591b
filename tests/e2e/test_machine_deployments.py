"""Later deployments on a machine that serves: killed, sent twice, interrupted, and what they leave behind."""

import pytest

from tests.e2e import machine_projects as projects
from tests.e2e.conftest import LiveSite, Machines
from tests.e2e.machine_bench import Bench, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]


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


#: Names of releases wherever something of a release lies.
LEFT = """\
ls /srv/ecdeployer/releases /etc/ecdeployer/nginx /etc/ecdeployer/supervisor /etc/ecdeployer/environment \
    /run/ecdeployer /var/log/ecdeployer/site-* /etc/supervisor/conf.d | grep -oE '[0-9]{6}' | sort -u
"""


def test_five_releases_are_kept_and_nothing_of_the_others(
    bench: Bench, live: LiveSite, machines: Machines
) -> None:
    files = projects.plain()
    instance = live("many", files)
    for number in range(2, 8):
        pushed = projects.with_requirements(files, "django~=5.2.0\npytz\n") if number == 3 else files
        machines.again("many", projects.release(pushed, str(number)), instance, number=number)
    assert bench.get(instance)[1] == "<h1>release 7</h1>"
    assert bench.shell(instance, LEFT).split() == [f"{number:06d}" for number in range(3, 8)]
    assert bench.shell(instance, "ls /srv/ecdeployer/venvs").split() == ["000003", "000004"]


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
