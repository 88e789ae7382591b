import datetime as dt
from decimal import Decimal

import pytest
import time_machine
from django.utils import timezone
from ecdeployer.applications.templatetags import portal

NOON = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (0.44, "0.4 s"),
        (14.2, "14 s"),
        (59.6, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3840, "1 h 04 min"),
    ],
)
def test_durations_are_short(seconds: float | None, text: str) -> None:
    assert portal.duration(seconds) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (None, "price unknown"),
        (Decimal(0), "$0.00"),
        (Decimal("0.004"), "less than $0.01"),
        (Decimal("1234.5"), "$1,234.50"),
    ],
)
def test_money_is_rounded_but_never_to_nothing(amount: Decimal | None, text: str) -> None:
    assert portal.usd(amount) == text


@time_machine.travel(NOON, tick=False)
def test_a_moment_is_told_as_an_age_with_the_readers_time_behind_it() -> None:
    with timezone.override("Asia/Kolkata"):
        told = portal.ago(NOON - dt.timedelta(minutes=3))
    assert told == (
        '<time datetime="2026-07-01T11:57:00+00:00" title="1 Jul 2026, 17:27:00 IST" data-relative>'
        "3\xa0minutes ago</time>"
    )
    assert "just now" in portal.ago(NOON)
    assert portal.ago(None) == "never"


def test_repositories_are_told_by_name_and_by_host_elsewhere() -> None:
    assert portal.repository("https://github.com/owner/site.git") == "owner/site"
    assert portal.repository("http://10.1.2.1:9418/site") == "10.1.2.1:9418/site"


def test_pages_of_github_are_linked_and_no_others_are_guessed() -> None:
    sha, url = "4f9d2c1", "https://github.com/owner/site.git"
    assert portal.commit_page(url, sha) == "https://github.com/owner/site/commit/4f9d2c1"
    assert portal.source_page(url, sha, "a/b.py", 3) == "https://github.com/owner/site/blob/4f9d2c1/a/b.py#L3"
    assert portal.commit_page("http://10.1.2.1:9418/site", sha) == ""
    assert portal.source_page("http://10.1.2.1:9418/site", sha, "a/b.py", 3) == ""
    assert portal.source_page(url, sha, "", 0) == ""


def test_a_finding_of_an_unknown_code_links_nowhere() -> None:
    assert portal.help_page("debug-on") == "/help/findings/debug-on/"
    assert portal.help_page("no-such-finding") == ""
