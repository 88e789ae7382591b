"""From ``git push`` to a changed site: a bare repository, its hook, a signed delivery, the portal, a machine.

Every process is a real one, and visitors come all the while: none of them may be sent away.
"""

import json
import shlex
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from ecdeployer.deployments.texts import clean
from ecdeployer.preflight.procfile import PROCESSES

from tests.e2e import machine_projects as projects
from tests.e2e.visitors import QUICK, Crowd, visitors
from tests.integration.deployment_stack import BRIDGE, wait_until
from tests.integration.forge import Forge
from tests.integration.post_receive import send
from tests.integration.pushed_site import DATA, Site, running_site
from tests.unit.hostile.corpus import CORPUS, is_unicode, read_page

#: See tests/conftest.py.
IN_ORDER = True

#: Visitors a second: some dozens of them come in each switch.
RATE = 40
BAD_ROW = """\
from django.db import migrations


def go(apps, editor):
    raise ValueError("bad row")


class Migration(migrations.Migration):
    dependencies = [("pages", "0001_initial")]
    operations = [migrations.RunPython(go)]
"""
PAUSE = """\
import time

from django.db import migrations


def go(apps, editor):
    time.sleep(1)


class Migration(migrations.Migration):
    dependencies = [("pages", "0001_initial")]
    operations = [migrations.RunPython(go, migrations.RunPython.noop)]
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("stack"), projects.plain()) as running:
        yield running


@pytest.fixture(autouse=True)
def quiet(site: Site) -> Iterator[None]:
    """Each test begins and ends with nothing under way."""
    site.settle()
    yield
    site.settle()


def test_a_push_changes_the_site_and_no_visitor_is_sent_away(site: Site) -> None:
    with visitors(site.address, rate=RATE) as crowd:
        commit = site.commit_next("Sell bread")
        (sent,) = site.forge.push()
        assert (sent.status, json.loads(sent.answer)["outcome"]) == (202, "waiting")
        deployment = site.deployed(commit)
        assert deployment["state"] == "succeeded", deployment["reason"]
        assert site.shows() == site.name
    assert crowd.failed == []
    assert (deployment["trigger"], deployment["pushed_by"]) == ("webhook", "ada")
    assert (deployment["commit_subject"], deployment["commit_author"]) == ("Sell bread", "Ada")
    told = site.delivery(sent)
    assert (told["outcome"], told["deployment_id"]) == ("deployed", deployment["id"])


def test_a_delivery_that_comes_again_deploys_nothing(site: Site) -> None:
    """GitHub's own redelivery has the identifier again; a stranger's replay has the signed bytes alone."""
    commit = site.commit_next()
    (sent,) = site.forge.push()
    site.deployed(commit)
    before, hook = site.count_deployments(), site.forge.hook()
    for identifier in (sent.identifier, "of-another-delivery"):
        status, answer = send(hook, sent.payload, event="push", identifier=identifier)
        assert (status, json.loads(answer)["outcome"]) == (200, "replay")
    status, _ = send({**hook, "secret": "x"}, sent.payload, event="push", identifier="y")
    assert status == 401
    site.settle()
    assert site.delivery(sent)["replays"] == 2
    assert (site.count_deployments(), site.shows()) == (before, site.name)


def test_of_quick_pushes_the_last_is_live(site: Site) -> None:
    before = site.count_deployments()
    with visitors(site.address, rate=RATE) as crowd:
        pushes = []
        for _ in range(3):
            commit = site.commit_next()
            pushes += site.forge.push()
        assert site.deployed(commit)["state"] == "succeeded"
        site.settle()
        assert site.shows() == site.name
    assert crowd.failed == []
    told = [site.delivery(each) for each in pushes]
    assert told[-1]["outcome"] == "deployed"
    made = site.portal.deployments(site.pk)[: site.count_deployments() - before]
    # The first may have begun before the others came: it ends before the last one begins.
    assert [each["state"] for each in made if each["commit_sha"] == commit] == ["succeeded"]
    assert len(made) <= 3
    assert "superseded" in {each["outcome"] for each in told[:-1]}, (told, made)


def test_what_is_not_for_the_site_is_kept_with_its_reason(site: Site) -> None:
    before, shown = site.count_deployments(), site.shows()
    live = site.forge.git("rev-parse", "origin/main")
    site.forge.git("checkout", "--quiet", "-b", "feature/x")
    first = site.forge.empty("Try it")
    site.forge.git("tag", "v1.0")
    sent = site.forge.push("HEAD:refs/heads/feature/x", "v1.0")
    site.forge.git("reset", "--quiet", "--hard", "HEAD~1")
    again = site.forge.empty("Try it otherwise")
    assert first != again
    sent += site.forge.push("+HEAD:refs/heads/feature/x")
    sent += site.forge.push(":refs/heads/feature/x")
    sent += site.forge.push(":refs/heads/main")
    assert [each.status for each in sent] == [200] * 5
    reasons = [json.loads(each.answer)["reason"] for each in sent]
    branch = "It is the branch feature/x, and main is deployed."
    gone = "The branch main was deleted. The site stays as it is."
    assert sorted(reasons) == sorted(
        [branch, branch, branch, "It is the tag v1.0; branches alone are deployed.", gone]
    )
    assert [each["forced"] for each in map(site.delivery, sent)].count(True) == 1
    assert {each["outcome"] for each in map(site.delivery, sent)} == {"ignored"}
    site.forge.git("checkout", "--quiet", "main")
    # The branch comes back with what is live, which is no reason to deploy it again.
    (back,) = site.forge.push(f"{live}:refs/heads/main")
    site.settle()
    newest = site.portal.deployments(site.pk)[0]
    assert (newest["commit_sha"], newest["state"]) in ((live, "skipped"), (live, "succeeded"))
    assert site.count_deployments() <= before + 1
    assert site.delivery(back)["outcome"] == "deployed"
    assert site.shows() == shown


def test_a_forced_push_to_the_branch_is_what_is_live_then(site: Site) -> None:
    site.commit_next("A mistake")
    site.forge.push()
    site.settle()
    mistake = site.shows()
    site.forge.git("reset", "--quiet", "--hard", "HEAD~1")
    with visitors(site.address, rate=RATE) as crowd:
        commit = site.commit_next("As if it had not been")
        (sent,) = site.forge.push("+HEAD:refs/heads/main")
        assert site.deployed(commit)["state"] == "succeeded"
        assert site.shows() == site.name != mistake
    assert crowd.failed == []
    assert site.delivery(sent)["forced"]


BROKEN: dict[str, tuple[projects.Files, str, str]] = {
    "an import": (
        {"mysite/mysite/wsgi.py": "import nothing_of_the_kind\n" + projects.WSGI},
        "start",
        "No module named 'nothing_of_the_kind' (mysite/mysite/wsgi.py, line 1)",
    ),
    "a migration": (
        {"mysite/pages/migrations/0002_more.py": BAD_ROW},
        "migrate",
        "ValueError: bad row (mysite/pages/migrations/0002_more.py, line 5)",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_push_ends_red_and_the_site_stays(site: Site, name: str) -> None:
    broken, step, words = BROKEN[name]
    shown = site.shows()
    with visitors(site.address, rate=RATE) as crowd:
        commit = site.forge.commit({**site.next(), **broken}, "Break it")
        (sent,) = site.forge.push()
        deployment = site.deployed(commit)
        assert site.shows() == shown
    assert crowd.failed == []
    assert (deployment["state"], deployment["failed_step"]) == ("failed", step)
    assert words in deployment["reason"]
    assert site.delivery(sent)["reason"] == deployment["reason"]
    assert words in read_page(site.portal.page(f"/deployments/{deployment['id']}/"))[1]
    commit = site.commit_next("Mend it")
    site.forge.push()
    assert site.deployed(commit)["state"] == "succeeded"
    assert site.shows() == site.name


#: It shows its machine a page, and whoever comes from outside an error.
INWARD = f"""\
def home(request):
    if request.META["REMOTE_ADDR"] == "{BRIDGE}":
        raise ValueError("nobody may see this")
"""


def test_a_release_that_its_machine_alone_sees_gives_way_to_the_one_before(site: Site) -> None:
    shown, views = site.shows(), "mysite/pages/views.py"
    files = site.next()
    inward = str(files[views]).replace("def home(request):\n", INWARD)
    assert inward != files[views]
    commit = site.forge.commit({**files, views: inward}, "For myself alone")
    site.forge.push()
    deployment = site.deployed(commit)
    assert (deployment["state"], deployment["failed_step"]) == ("failed", "health")
    assert "answers 500" in deployment["reason"]
    site.settle()
    back = site.portal.deployments(site.pk)[0]
    assert (back["trigger"], back["kind"], back["state"]) == ("portal", "rollback", "succeeded")
    assert site.shows() == shown


def test_a_person_goes_back_and_the_next_push_forward(site: Site) -> None:
    commit = site.commit_next()
    site.forge.push()
    site.deployed(commit)
    live = [each for each in site.portal.deployments(site.pk) if each["state"] == "succeeded"]
    assert live[0]["commit_sha"] == commit
    before = next(each for each in live[1:] if each["kind"] != "rollback")
    with visitors(site.address, rate=RATE) as crowd:
        asked = site.portal.call("POST", f"/deployments/{before['id']}/rollback")
        assert site.portal.end_of(asked["id"])["state"] == "succeeded"
        assert site.shows() != site.name
    assert crowd.failed == []
    commit = site.commit_next()
    site.forge.push()
    assert site.deployed(commit)["state"] == "succeeded"
    assert site.shows() == site.name


def test_a_changed_environment_is_live_at_once_to_the_byte(site: Site) -> None:
    """Of every hostile value together: what the process has is what was typed."""
    texts = [text for text in CORPUS["env_value"] if len(text) < 5000]
    values = {f"GIVEN_{number}": text for number, text in enumerate(texts)}
    with visitors(site.address, rate=RATE) as crowd:
        body = {"set": values, "plain": list(values)[::2], "apply": True}
        asked = site.portal.call("PATCH", f"/applications/{site.pk}/environment", body)
        deployment = site.portal.end_of(asked["deployment_id"])
        assert deployment["state"] == "succeeded", deployment["reason"]
        found = site.environment()
    assert crowd.failed == []
    assert {name: found.get(name) for name in values} == values
    assert site.shows() == site.name
    body = {"remove": list(values), "apply": True}
    asked = site.portal.call("PATCH", f"/applications/{site.pk}/environment", body)
    assert site.portal.end_of(asked["deployment_id"])["state"] == "succeeded"
    assert set(site.environment()) & set(values) == set()


#: It takes two seconds to end, as a worker does that is in the middle of a task.
BESIDE = """\
import signal
import time

RELEASE = "{release}"


def say(word):
    with open("{data}/beside", "a") as file:
        print(word, RELEASE, file=file, flush=True)


def leave(*_):
    time.sleep(2)
    say("end")
    raise SystemExit


signal.signal(signal.SIGTERM, leave)
say("begin")
while True:
    signal.pause()
"""


def push_with_a_worker(site: Site) -> dict[str, Any]:
    files = {**site.next(), "Procfile": "worker: exec python beside.py\n"}
    files["beside.py"] = BESIDE.format(release=site.name, data=DATA)
    commit = site.forge.commit(files, "Work beside the site")
    site.forge.push()
    return site.deployed(commit)


def test_a_push_changes_what_runs_beside_the_site(site: Site) -> None:
    """The old worker ends its work before the new one begins, and is gone when no line names it."""
    with visitors(site.address, rate=RATE) as crowd:
        for _ in range(2):
            deployment = push_with_a_worker(site)
            assert deployment["state"] == "succeeded", deployment["reason"]
            assert site.processes() == {"web": "RUNNING", "worker": "RUNNING"}
        before, after = f"r{site.count - 1}", site.name
        assert site.data("beside").split("\n")[:-1] == [f"begin {before}", f"end {before}", f"begin {after}"]
        commit = site.commit_next("Nothing beside it")
        site.forge.push()
        assert site.deployed(commit)["state"] == "succeeded"
        assert site.processes() == {"web": "RUNNING"}
    assert crowd.failed == []
    assert site.data("beside").endswith(f"end {after}\n")


def test_maintenance_around_a_push_is_for_all_but_those_let_through(site: Site) -> None:
    """It is there for the sake of migrations: a push without any needs none."""

    def push_watched(migration: str = "") -> Crowd:
        with visitors(site.address, rate=RATE) as crowd:
            more = {f"mysite/pages/migrations/{migration}.py": PAUSE} if migration else {}
            commit = site.forge.commit({**site.next(), **more}, "Pause")
            site.forge.push()
            assert site.deployed(commit)["state"] == "succeeded"
            wait_until(site.is_back, seconds=10)
        return crowd

    site.maintain(around_deployments=True, addresses=[f"{BRIDGE}/32"])
    assert push_watched("0003_pause").failed == []
    site.maintain(around_deployments=True)
    try:
        assert push_watched().failed == []
        failed = push_watched("0004_pause").failed
        assert failed
        assert {(each.status, "Down for maintenance" in each.body) for each in failed} == {(503, True)}
    finally:
        site.maintain()


def test_a_rebuild_stays_behind_the_address_and_a_push_meanwhile_comes_after_it(site: Site) -> None:
    """Visitors are told to come back for some seconds, and find what they wrote."""
    visits = site.ask("/visits/?add=1")["visits"]
    old = site.instance
    with visitors(site.address, rate=10) as crowd:
        rebuilt = site.portal.call("POST", f"/applications/{site.pk}/machine/rebuild")
        commit = site.commit_next("While it is rebuilt")
        site.forge.push()
        ended = site.portal.end_of(rebuilt["id"])
        assert ended["state"] == "succeeded", ended["reason"]
        pushed = site.deployed(commit)
        assert pushed["state"] == "succeeded", pushed["reason"]
        wait_until(site.is_back, seconds=10)
    site.instance = pushed["instance"]["ec2_id"]
    assert site.instance == ended["instance"]["ec2_id"] != old
    assert pushed["instance"]["public_ip"] == site.address
    assert {each.status for each in crowd.failed if each.path in QUICK} <= {503, 0}
    assert [each.status for each in crowd.failed].count(503) > 5
    assert site.ask("/visits/")["visits"] == visits


def test_a_push_whose_delivery_was_lost_is_found_by_asking(site: Site) -> None:
    hook = site.forge.hook()
    site.forge.be_silent()
    commit = site.commit_next()
    assert site.forge.push() == []
    site.forge.tell(hook["url"], hook["secret"])
    # Five minutes have passed.
    with psycopg.connect(site.stack.environment["DATABASE_URL"]) as connection:
        connection.execute("UPDATE webhooks_webhook SET due_at = now() WHERE application_id = %s", [site.pk])
    deployment = site.deployed(commit)
    assert (deployment["state"], deployment["trigger"]) == ("succeeded", "poll")
    assert site.shows() == site.name


# What a repository says is hostile, too.


def accepted_by_git(forge: Forge, text: str) -> bool:
    """Whether git itself takes it for the name of a branch."""
    if "\0" in text or not text.isprintable() or text.startswith("-") or len(text.encode()) > 200:
        return False
    try:
        forge.git("check-ref-format", f"refs/heads/{text}")
    except AssertionError:
        return False
    return True


def harmless(pages: list[str]) -> str:
    """All that a person reads there; nothing of it became markup."""
    words = ""
    for page in pages:
        foreign, seen = read_page(page)
        assert foreign == []
        words += seen
    return words


def test_branches_of_hostile_names_are_pushed_and_shown_as_text(site: Site) -> None:
    texts = dict.fromkeys(CORPUS["branch"] + CORPUS["everywhere"] + CORPUS["text"])
    names = [text for text in texts if accepted_by_git(site.forge, text)]
    assert len(names) > 30
    assert {"a;id", "$(id)", "`id`", "a|id", "a'b", 'a"b', "a${IFS}b"} <= set(names)
    sent = site.forge.push(*(f"HEAD:refs/heads/{name}" for name in names))
    try:
        assert {each.payload["ref"] for each in sent} == {f"refs/heads/{name}" for name in names}
        assert {each.status for each in sent} == {200}
        told = {each["ref"]: each["outcome"] for each in site.portal.deliveries(site.pk)}
        numbers = range(1, len(names) // 20 + 2)
        pages = [site.portal.page(f"/applications/{site.pk}/push/?page={number}") for number in numbers]
        words = harmless(pages)
        for name in names:
            assert told.get(f"refs/heads/{shown(name)}") == "ignored", ascii(name)
            assert shown(name) in words, ascii(name)
    finally:
        site.forge.push(*(f":refs/heads/{name}" for name in names))


def shown(text: str) -> str:
    """What a page keeps of a text: nothing that turns it about or cannot be seen."""
    return clean(text).strip().partition("\n")[0].strip()


def test_hostile_lines_of_a_procfile_are_run_to_the_byte_or_shown_as_text(site: Site) -> None:
    """By the site's own user, past JSON, supervisor's own % and ; and bash; what is no line is a finding."""
    everything = dict.fromkeys(CORPUS["everywhere"] + CORPUS["env_value"] + CORPUS["text"])
    texts = [text for text in everything if text.isprintable() and 0 < len(text) < 80]
    assert {"%(ENV_PATH)s", "a;id", "$(id)", "`id`"} <= set(texts), texts
    said = [texts[number::PROCESSES] for number in range(PROCESSES)]
    lines = [
        f"p{number}: printf '%s\\n' {shlex.join(each)} >{DATA}/p{number}; exec sleep infinity"
        for number, each in enumerate(said)
    ]
    # No more processes fit: whatever else is there is a finding.
    lines += [text for text in texts if not text.startswith("#")][:PROCESSES]
    commit = site.forge.commit({**site.next(), "Procfile": "\n".join(lines)}, "Run them")
    site.forge.push()
    deployment = site.deployed(commit)
    assert deployment["state"] == "succeeded", deployment["reason"]
    assert site.shows() == site.name
    assert site.processes() == {"web": "RUNNING"} | {f"p{number}": "RUNNING" for number in range(PROCESSES)}
    for number, each in enumerate(said):
        assert site.data(f"p{number}") == "".join(f"{text}\n" for text in each)
    pages = [f"/deployments/{deployment['id']}/", f"/processes/of/{site.pk}/"]
    assert "of the Procfile is not run" in harmless([site.portal.page(each) for each in pages])
    commit = site.commit_next("Run none")
    site.forge.push()
    assert site.deployed(commit)["state"] == "succeeded"


#: As some editors of long ago write it: no Unicode. git takes it for Latin-1, which it is.
LATIN, LATIN_SHOWN = "caf\udce9", "caf\u00e9"


def test_messages_and_authors_of_commits_are_shown_as_text(site: Site) -> None:
    """Each is pushed; the newest is deployed, and its page shows it."""
    everything = [text for text in CORPUS["everywhere"] + CORPUS["text"] if is_unicode(text)]
    texts = [text for text in everything if "\0" not in text and len(text) < 1000]
    for text in [LATIN, *texts]:
        site.forge.empty(text, author=text.partition("\n")[0] + " by Ada")
        site.forge.push()
    hostile = f"{LATIN} {' '.join(text for text in texts if text.isprintable())}"[:250].rstrip()
    commit = site.commit_next(f"{hostile}\n\n{hostile}", author=hostile[:150])
    site.forge.push()
    deployment = site.deployed(commit)
    assert deployment["state"] == "succeeded", deployment["reason"]
    assert site.shows() == site.name
    told = site.portal.deliveries(site.pk)
    kept = {shown(text)[:200].strip() for text in [LATIN_SHOWN, *texts]}
    assert kept - {each["message"] for each in told} == set()
    pages = [site.portal.page(f"/applications/{site.pk}/{name}") for name in ("", "deployments/", "push/")]
    pages += [
        site.portal.page(f"/applications/{site.pk}/push/deliveries/{each['id']}/") for each in told[:90]
    ]
    pages.append(site.portal.page(f"/deployments/{deployment['id']}/"))
    words = harmless(pages)
    assert "<script>canary()</script>" in words
    assert deployment["commit_subject"] == hostile.replace(LATIN, LATIN_SHOWN)
    assert deployment["commit_subject"] in words
