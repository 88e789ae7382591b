from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from ecdeployer.applications.models import Application
from ecdeployer.commands import output
from ecdeployer.commands.models import Command
from ecdeployer.commands.states import CommandState
from ecdeployer.deployments.models import Step
from ecdeployer.instances.models import Instance
from ecdeployer.site_logs.actions import FOLLOWED
from pytest_django import DjangoAssertNumQueries

from tests import portal_records as records

HOSTILE = "\x1b[31m<script>alert(1)</script> </pre> A&B\n"
ASKED = {"source": "web", "search": "", "minutes": "0", "lines": "100"}


def address(bakery: Application, name: str = "show") -> str:
    return reverse(f"logs:{name}", args=[bakery.pk])


def say(command: Command, text: str, **fields: Any) -> None:
    """What its machine has told."""
    command.refresh_from_db()
    output.add(command, text)
    for name, value in fields.items():
        setattr(command, name, value)
    command.save()


def test_a_log_is_asked_for_and_shown_without_javascript(visitor: Client, bakery: Application) -> None:
    assert "nginx: errors" in visitor.get(address(bakery)).content.decode()
    answer = visitor.post(address(bakery), {**ASKED, "search": "a&b"})
    reading = Command.objects.get()
    assert answer.headers["Location"] == reverse("logs:reading", args=[reading.pk])
    say(reading, HOSTILE, state=CommandState.SUCCEEDED)
    shown = visitor.get(answer.headers["Location"]).content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &lt;/pre&gt; <mark>A&amp;B</mark>" in shown
    assert 'hx-trigger="every' not in shown


def test_a_page_with_javascript_gets_its_part(visitor: Client, bakery: Application) -> None:
    htmx = {"HX-Request": "true"}
    part = visitor.post(address(bakery), {**ASKED, "follow": "on"}, headers=htmx).content.decode()
    assert part.lstrip().startswith("<section")
    assert "every 1s" in part
    whole = visitor.post(address(bakery), {**ASKED, "whole": "1"}, headers=htmx)
    assert whole.headers["HX-Redirect"].startswith("/logs/")
    refused = visitor.post(address(bakery), {**ASKED, "source": "../etc"}, headers=htmx)
    assert (refused.status_code, "no log&#x27;s name" in refused.content.decode()) == (200, True)


def test_what_comes_is_put_behind_what_is_there(visitor: Client, followed: Command) -> None:
    live = reverse("logs:live", args=[followed.pk])
    say(followed, "one\n", state=CommandState.RUNNING)
    first = visitor.get(live)
    assert "<span>one\n</span>" in first.content.decode()
    assert "after=4" in first.content.decode()
    tag = {"If-None-Match": first.headers["ETag"]}
    assert visitor.get(live, {"after": "4"}, headers=tag).status_code == 304
    say(followed, "two\n")
    second = visitor.get(live, {"after": "4"}, headers=tag).content.decode()
    assert "<span>two\n</span>" in second
    assert "one\n" not in second
    say(followed, "", state=CommandState.SUCCEEDED)
    assert visitor.get(live, {"after": "4"}).status_code == 286


@pytest.mark.parametrize("after", ["", "-1", "x", "9" * 40, "٣", "1e3"])
def test_a_place_that_is_none_is_the_beginning(visitor: Client, followed: Command, after: str) -> None:
    say(followed, "one\n")
    answer = visitor.get(reverse("logs:live", args=[followed.pk]), {"after": after})
    assert "one" in answer.content.decode()


def test_a_file_is_taken_as_text(visitor: Client, followed: Command) -> None:
    say(followed, HOSTILE)
    answer = visitor.get(reverse("logs:file", args=[followed.pk]))
    assert answer.content.decode() == HOSTILE
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="bakery-web.log"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_mistake_stands_beside_the_field(visitor: Client, bakery: Application) -> None:
    for field, value, told in (
        ("source", "../../etc/passwd", "no log&#x27;s name"),
        ("search", "a\x00b", "U+0000"),
        ("search", "x" * 201, "at most 200"),
        ("minutes", "5", "Select a valid choice"),
        ("lines", "1000000", "Select a valid choice"),
    ):
        answer = visitor.post(address(bakery), {**ASKED, field: value})
        assert (answer.status_code, told in answer.content.decode()) == (422, True), field
    assert not Command.objects.exists()


def test_refusals_are_said(visitor: Client, bakery: Application) -> None:
    for source in ("web", "system", "supervisor")[: FOLLOWED + 1]:
        answer = visitor.post(address(bakery), {**ASKED, "source": source, "follow": "on"})
    assert "followed already: system and web" in answer.content.decode()
    Instance.objects.update(state="stopped")
    assert "a machine that runs" in visitor.post(address(bakery), ASKED).content.decode()


def test_the_logs_of_deployments_are_searched(visitor: Client, bakery: Application) -> None:
    listed = visitor.get(address(bakery, "deployments")).content.decode()
    assert "Deployment 1" in listed
    Step.objects.filter(name="install").update(log="x" * 1000 + "\nERROR: <no> such\n" + "y" * 1000)
    found = visitor.get(address(bakery, "deployments"), {"search": "error: <NO>"}).content.decode()
    assert "<mark>ERROR: &lt;no&gt;</mark> such" in found
    assert "x" * 200 not in found
    nothing = visitor.get(address(bakery, "deployments"), {"search": "\x00nowhere"}).content.decode()
    assert "No log of a deployment has this text." in nothing


@pytest.mark.parametrize("name", ["reading", "live", "file"])
def test_nobody_elses_logs(client: Client, followed: Command, name: str) -> None:
    client.force_login(records.make_person("rui"))
    assert client.get(reverse(f"logs:{name}", args=[followed.pk])).status_code == 404


def test_commands_are_no_logs(visitor: Client, followed: Command) -> None:
    assert visitor.get(reverse("commands:detail", args=[followed.pk])).status_code == 404


def test_asking_every_second_is_cheap(
    visitor: Client, followed: Command, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    live = reverse("logs:live", args=[followed.pk])
    with django_assert_num_queries(3):
        tag = visitor.get(live).headers["ETag"]
    with django_assert_num_queries(3):
        assert visitor.get(live, headers={"If-None-Match": tag}).status_code == 304
    say(followed, "one\n")
    with django_assert_num_queries(4):
        visitor.get(live, headers={"If-None-Match": tag})
