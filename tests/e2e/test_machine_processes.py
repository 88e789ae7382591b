"""What runs beside a site on a booted machine: Celery's worker and beat, and what a release line does."""

import json
import uuid
from typing import Any

import pytest
from ecdeployer.cloud_init import documents
from ecdeployer.preflight import reading
from ecdeployer.preflight.facts import Facts

from tests.e2e import machine_projects as projects
from tests.e2e.conftest import LiveSite, Machines
from tests.e2e.machine_bench import Bench, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]
OPTIONS = reading.ReadOptions(machine_python="3.11", python_downloads=False)
CELERY = """\
from celery import Celery
app = Celery("mysite")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = {"tick": {"task": "mysite.celery.note", "schedule": 1.0, "args": ["tick"]}}
RELEASE = "one"


@app.task
def note(word):
    with open(f"/srv/ecdeployer/shared/data/{word}", "a") as file:
        print(RELEASE, file=file, flush=True)


@app.task
def slow():
    import time

    time.sleep(4)
    note("slow")
"""


def with_celery(release: str = "one", **files: str) -> projects.Files:
    plain = projects.release(projects.plain(), release)
    celery = CELERY.replace('RELEASE = "one"', f'RELEASE = "{release}"')
    return projects.with_requirements(
        {**plain, "mysite/mysite/celery.py": celery, **files}, "django~=5.2.0\ncelery[redis]~=5.4\n"
    )


def facts_of(bench: Bench, name: str) -> dict[str, Any]:
    """What preflight makes of the files that were published last."""
    report = reading.read(
        bench.folder / "work" / name, project_name="mysite", environment=(), options=OPTIONS
    )
    known = report.facts
    assert isinstance(known, Facts), report.findings
    return {
        "services": known.services,
        "placeholders": known.placeholder_environment,
        "processes": known.processes,
        "procfile": known.procfile,
        "release_command": known.release_command,
    }


def again(machines: Machines, name: str, files: projects.Files, instance: str, number: int) -> dict[str, Any]:
    machines.bench.publish(name, files)
    report = machines.again(name, files, instance, number=number, **facts_of(machines.bench, name))
    assert report.result is not None
    return {**report.result, "texts": report.texts}


def act(bench: Bench, instance: str, action: str, **arguments: Any) -> dict[str, Any]:
    """What the machine prints when the portal asks."""
    name = "ecdeployer-act"
    if not bench.ssm.list_documents(Filters=[{"Key": "Name", "Values": [name]}])["DocumentIdentifiers"]:
        content = json.dumps(documents.act_document())
        bench.ssm.create_document(Name=name, DocumentType="Command", Content=content)
    request = {
        "command": str(uuid.uuid4()),
        "action": action,
        "arguments": arguments,
        "seconds": 120,
        "report_url": "http://127.0.0.1:9/nobody/hears/",
        "report_token": "t" * 43,
    }
    sent = bench.ssm.send_command(
        DocumentName=name, InstanceIds=[instance], Parameters=documents.act_arguments(request)
    )
    answer = bench.outcome(sent["Command"]["CommandId"], instance, seconds=180)
    return dict(json.loads(answer["StandardOutputContent"]))


def processes(bench: Bench, instance: str) -> dict[str, dict[str, Any]]:
    told = json.loads(act(bench, instance, "processes")["text"].splitlines()[-1])
    return {each["name"]: each for each in told["processes"]}


def lines_of(bench: Bench, instance: str, word: str) -> list[str]:
    return bench.shell(instance, f"cat /srv/ecdeployer/shared/data/{word} 2>/dev/null; true").split()


def test_worker_and_beat_run_beside_the_site_and_change_with_it(
    bench: Bench, live: LiveSite, machines: Machines
) -> None:
    bench.publish("celery", with_celery())
    known = facts_of(bench, "celery")
    assert [name for name, _ in known["processes"]] == ["worker", "beat"]
    assert known["services"] == ("redis", "celery")
    instance = live("celery", with_celery(), **known)
    wait_for(lambda: lines_of(bench, instance, "tick") or None, seconds=30, what="a task of beat")
    first = processes(bench, instance)
    assert {name: each["state"] for name, each in first.items()} == dict.fromkeys(
        ("web", "worker", "beat"), "RUNNING"
    )
    assert all(each["pid"] and each["memory"] > 5 for each in first.values()), first
    owner = bench.shell(instance, f"ps -o user= -p {first['worker']['pid']}").split()
    assert set(owner) == {"site"}

    # A task that runs ends in the old worker, before the new one starts.
    site = "setpriv --reuid=site --regid=site --init-groups python3 -I python/launch.py $(readlink -f .)"
    task = "'from mysite.celery import slow; slow.delay()'"
    call = f"cd /srv/ecdeployer/current && {site} manage shell -c {task}"
    bench.shell(instance, call)
    assert again(machines, "celery", with_celery("two"), instance, 2)["state"] == "succeeded"
    assert bench.get(instance)[1] == "<h1>release two</h1>"
    assert lines_of(bench, instance, "slow") == ["one"]
    second = processes(bench, instance)
    assert not {each["pid"] for each in first.values()} & {each["pid"] for each in second.values()}
    bench.shell(instance, "rm /srv/ecdeployer/shared/data/tick")
    ticks = wait_for(
        lambda: lines_of(bench, instance, "tick") or None, seconds=30, what="a task of the second"
    )
    assert set(ticks) == {"two"}

    # What does not start ends the deployment: the site and what runs beside it are as they were.
    broken = with_celery(
        "three", Procfile="worker: cd mysite && celery -A mysite.celery worker\nbad: echo no good; exit 3\n"
    )
    result = again(machines, "celery", broken, instance, 3)
    assert (result["state"], result["step"], result["code"]) == ("failed", "health", "process-failed")
    assert result["reason"] == "The process bad ends as soon as it starts, with exit code 3: no good"
    assert bench.get(instance)[1] == "<h1>release two</h1>"
    assert set(processes(bench, instance)) == {"web", "worker", "beat"}
    bench.shell(instance, "rm /srv/ecdeployer/shared/data/tick")
    ticks = wait_for(
        lambda: lines_of(bench, instance, "tick") or None, seconds=30, what="a task of the second"
    )
    assert set(ticks) == {"two"}

    # Back to the first release, and its worker.
    parameters = bench.parameters("celery", "a" * 40, 1, rollback_to="000001")
    bench.outcome(bench.again(parameters, instance), instance)
    assert bench.get(instance)[1] == "<h1>release one</h1>"
    bench.shell(instance, "rm /srv/ecdeployer/shared/data/tick")
    ticks = wait_for(
        lambda: lines_of(bench, instance, "tick") or None, seconds=30, what="a task of the first"
    )
    assert set(ticks) == {"one"}


def test_a_process_is_restarted_and_the_site_without_losing_a_request(
    bench: Bench, live: LiveSite, machines: Machines
) -> None:
    files = with_celery(Procfile="# one\nworker: cd mysite && celery -A mysite.celery worker\nodd: true\n")
    bench.publish("restart", files)
    instance = live("restart", files, **facts_of(bench, "restart"))
    before = processes(bench, instance)
    assert {name: each["state"] for name, each in before.items()} == {
        "web": "RUNNING",
        "worker": "RUNNING",
        "odd": "FATAL",
    }
    answer = act(bench, instance, "restart", name="worker")
    assert answer["exit_code"] == 0, answer
    after = processes(bench, instance)
    assert after["worker"]["pid"] != before["worker"]["pid"]
    assert after["web"]["pid"] == before["web"]["pid"]
    assert act(bench, instance, "restart", name="odd")["exit_code"] == 0
    unknown = act(bench, instance, "restart", name="site-000001")
    assert unknown["exit_code"] == 1
    assert "No process of the name site-000001" in unknown["text"]

    workers = f"cat /proc/{before['web']['pid']}/task/{before['web']['pid']}/children"
    old = set(bench.shell(instance, workers).split())
    ask = "curl -s -o /dev/null -w '%{http_code}\\n' http://127.0.0.1/visits/?slow=0.05"
    bench.shell(instance, f"(for _ in $(seq 400); do {ask}; done >/tmp/answers) & sleep 0.2; true")
    renewed = act(bench, instance, "restart", name="web")
    assert renewed["exit_code"] == 0, renewed
    assert not old & set(bench.shell(instance, workers).split())
    wait_for(
        lambda: len(bench.shell(instance, "cat /tmp/answers").split()) >= 400 or None,
        seconds=120,
        what="answers",
    )
    assert set(bench.shell(instance, "cat /tmp/answers").split()) == {"200"}


def test_the_release_line_runs_before_the_switch(bench: Bench, live: LiveSite, machines: Machines) -> None:
    seen = (
        "curl -s http://127.0.0.1/ >/srv/ecdeployer/shared/data/before; echo ran as $USER in $(basename $PWD)"
    )
    files = {**projects.plain(), "mysite/Procfile": f"release: {seen}\n"}
    bench.publish("release", files)
    instance = live("release", files, **facts_of(bench, "release"))
    result = again(machines, "release", projects.release(files, "two"), instance, 2)
    assert result["state"] == "succeeded"
    assert "ran as site in mysite" in result["texts"]["migrate"]
    assert bench.shell(instance, "cat /srv/ecdeployer/shared/data/before") == "<h1>release one</h1>"
    failing = {**projects.release(files, "three"), "mysite/Procfile": "release: echo cannot; exit 4\n"}
    result = again(machines, "release", failing, instance, 3)
    assert (result["state"], result["step"], result["code"]) == ("failed", "migrate", "release-failed")
    assert result["reason"] == "The Procfile's release line fails: cannot"
    assert bench.get(instance)[1] == "<h1>release two</h1>"


def test_a_schedule_runs_by_the_machines_own_clock(bench: Bench, live: LiveSite) -> None:
    identity, other = str(uuid.uuid4()), str(uuid.uuid4())
    words = ["shell", "-c", "print('tick $(id)'); raise SystemExit(3)"]
    first = [(identity, "*-*-* *:*:00 UTC", words)]
    instance = live("scheduled", projects.plain(), schedules=first, schedules_revision=4)
    log = f"cat /var/log/ecdeployer/schedule-{identity}.log 2>/dev/null; true"
    said = wait_for(lambda: bench.shell(instance, log) or None, seconds=100, what="the clock")
    said = wait_for(
        lambda: text if "exit code" in (text := bench.shell(instance, log)) else None,
        seconds=30,
        what="its end",
    )
    assert said.splitlines()[-2:] == ["tick $(id)", "--- exit code 3"]
    told = json.loads(act(bench, instance, "processes")["text"].splitlines()[-1])["schedules"]
    assert told["revision"] == 4
    assert told["runs"][identity][0]["exit"] == 3

    # Another list takes its place; an older one that comes late changes nothing.
    later = [(other, "*-*-* 04:00:00 UTC", ["check"])]
    assert act(bench, instance, "schedules", schedules=later, schedules_revision=6)["exit_code"] == 0
    assert act(bench, instance, "schedules", schedules=first, schedules_revision=5)["exit_code"] == 0
    timers = bench.shell(instance, "systemctl list-timers --all --no-legend 'ecdeployer-schedule-*'")
    assert other in timers
    assert identity not in timers
    now = act(bench, instance, "schedule", schedule=other)
    assert now["exit_code"] == 0
    assert "System check identified no issues" in now["text"]
    assert act(bench, instance, "schedule", schedule=identity)["exit_code"] == 1
