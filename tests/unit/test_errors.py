"""Pages for what goes wrong, and for whoever finds no page."""

import pytest
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse
from django.utils.html import escape


@pytest.mark.parametrize("code", ["400", "403", "403_csrf", "404", "429", "500"])
def test_an_error_has_a_page_that_needs_no_context(code: str) -> None:
    page = render_to_string(f"{code}.html")
    assert code[:3] in page
    assert "Go to your applications" in page


def test_nothing_is_found_where_nothing_is(client: Client, db: None) -> None:
    answer = client.get("/nothing-here/")
    assert answer.status_code == 404
    assert "There is nothing at this address" in answer.content.decode()


def test_a_request_for_another_host_is_refused(client: Client, db: None) -> None:
    assert client.get("/", headers={"host": "elsewhere.example.com"}).status_code == 400


def test_the_icon_is_where_browsers_look(client: Client, db: None) -> None:
    answer = client.get("/favicon.ico")
    assert answer.headers["Location"] == "/static/portal/mark.svg"
    assert finders.find("portal/mark.svg")


def test_no_page_may_run_what_does_not_come_from_the_portal(client: Client, db: None) -> None:
    answer = client.get(reverse("account_login"))
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy + ";"
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


def test_help_on_every_finding_can_be_read_by_anybody(client: Client, db: None) -> None:
    index = client.get(reverse("findings:index"))
    findings = list(index.context["findings"])
    assert findings
    for finding in findings:
        page = client.get(reverse("findings:detail", args=[finding.code])).content.decode()
        assert f"<h1>{escape(finding.title)}</h1>" in page
    assert client.get(reverse("findings:detail", args=["no-such-finding"])).status_code == 404
