"""Requests that are lost, refused, or answered by something else."""

import datetime as dt
import json
from email.utils import format_datetime

import pytest
import requests
from ecdeployer.accounts.models import User
from ecdeployer.deployments.models import Deployment

from tests import portal_records as records

from .conftest import PORTAL, Ecdeploy, Waits, Wire, made


def lost() -> None:
    raise requests.ConnectionError("[Errno 111] Connection refused')")


def test_a_request_whose_answer_was_lost_is_done_once(
    ecdeploy: Ecdeploy, ines: User, wire: Wire, waits: Waits
) -> None:
    live = records.make_live(ines)

    def answered_and_lost() -> None:
        wire.send(wire.sent[-1])
        lost()

    wire.before = [lambda: None, answered_and_lost]
    result = ecdeploy("deploy", "-a", "bakery", "--no-follow", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["number"] == 2
    assert Deployment.objects.filter(application=live.application).count() == 2
    posts = [each for each in wire.sent if each.method == "POST"]
    assert len(posts) == 3
    assert len({each.headers["Idempotency-Key"] for each in posts}) == 1
    assert len(waits.seconds) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_it_waits_as_long_as_it_is_asked(ecdeploy: Ecdeploy, wire: Wire, waits: Waits, status: int) -> None:
    later = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=30)
    asked = ["7", "999999", format_datetime(later), "soon"]
    wire.before = [lambda value=value: made(status, headers={"Retry-After": value}) for value in asked]  # type: ignore[misc]
    assert ecdeploy("apps").exit_code == 0
    seven, longest, thirty, own = waits.seconds
    assert (seven, longest) == (7, 60)
    assert 28 < thirty <= 30
    assert 4 <= own <= 6


def test_a_portal_that_is_away_is_given_up(ecdeploy: Ecdeploy, wire: Wire, waits: Waits) -> None:
    wire.before = [lost] * 5
    result = ecdeploy("apps")
    assert (result.exit_code, len(waits.seconds)) == (4, 4)
    assert result.stderr == f"{PORTAL} cannot be reached: Connection refused\n"


@pytest.mark.parametrize(
    ("answer", "code", "told"),
    [
        (made(200, b"<html>"), 4, "Is the address right?"),
        (made(200, b"[]"), 4, "Is the address right?"),
        (made(404, b"<html>"), 4, "answered 404"),
        (made(500, b'{"detail": "The mistake is the portal\'s."}'), 4, "The mistake is the portal's."),
        (
            made(302, headers={"Location": "https://elsewhere.example.com/x"}),
            4,
            "https://elsewhere.example.com.",
        ),
    ],
)
def test_what_is_no_portals_answer(
    ecdeploy: Ecdeploy, wire: Wire, answer: requests.Response, code: int, told: str
) -> None:
    wire.before = [lambda: answer]
    count = len(wire.sent)
    result = ecdeploy("apps")
    assert result.exit_code == code
    assert told in result.stderr
    # The token has gone to nobody else.
    assert len(wire.sent) == count + 1


def test_every_field_that_is_wrong_is_told(ecdeploy: Ecdeploy) -> None:
    result = ecdeploy("create", "bakery", "https://elsewhere.example.com/a/b", "--branch", "a b")
    assert (result.exit_code, result.stdout) == (2, "")
    told = result.stderr.splitlines()
    assert told[0] == "Something in the request is wrong:"
    assert {each.split(":")[0] for each in told[1:]} == {"  branch", "  github_url"}


def test_a_refusal_is_told_in_the_portals_words(ecdeploy: Ecdeploy, ines: User) -> None:
    records.make_stopped(ines)
    result = ecdeploy("deploy", "-a", "winery")
    assert result.exit_code == 2
    assert result.stderr == "The instance is stopped. Start it first.\n"


def test_interrupted_anywhere_it_ends_with_130(ecdeploy: Ecdeploy, wire: Wire) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    wire.before = [interrupt]
    assert ecdeploy("apps").exit_code == 130
