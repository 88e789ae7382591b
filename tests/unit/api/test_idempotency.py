"""A request that is sent again with its Idempotency-Key."""

import datetime as dt
from typing import Any

import pytest
import time_machine
from django.test import Client
from ecdeployer.accounts.models import User
from ecdeployer.api.models import KeptAnswer
from ecdeployer.applications.models import Application
from ecdeployer.deployments.models import Deployment
from ecdeployer.instances.models import Instance

from tests import portal_records as records
from tests.programs import client_of

APPLICATIONS = "/api/v1/applications"
BODY = {
    "project_name": "mysite",
    "github_url": "https://github.com/example/site",
    "environment": {"KEY": "sk_live_1"},
}


def create(program: Client, key: str, **body: Any) -> Any:
    headers = {"Idempotency-Key": key}
    return program.post(APPLICATIONS, {**BODY, **body}, content_type="application/json", headers=headers)


def test_the_same_request_is_answered_as_before(program: Client) -> None:
    first, second = create(program, "a"), create(program, "a")
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.content == first.content
    assert second.headers["Location"] == first.headers["Location"]
    assert second.headers["Content-Type"] == first.headers["Content-Type"]
    assert (first.headers.get("Idempotent-Replayed"), second.headers["Idempotent-Replayed"]) == (None, "true")
    assert Application.objects.count() == Deployment.objects.count() == 1


def test_another_key_is_another_request(program: Client) -> None:
    assert create(program, "a").json()["id"] != create(program, "b").json()["id"]


def test_the_same_key_with_another_request_is_refused(program: Client, ines: User) -> None:
    live = records.make_live(ines)
    create(program, "a")
    addresses = [
        f"{APPLICATIONS}/{live.application_id}/{verb}" for verb in ("deployments", "cancel", "terminate")
    ]
    answers = [create(program, "a", name="other")]
    answers += [program.post(address, headers={"Idempotency-Key": "a"}) for address in addresses]
    for answer in answers:
        assert answer.status_code == 422
        assert answer.json()["type"].endswith("#key-reused")
    assert Deployment.objects.count() == 2
    assert not Application.objects.exclude(terminate_requested_at=None).exists()


def test_keys_of_two_people_are_two(program: Client, stranger: Client) -> None:
    assert create(program, "a").json()["owner"] == "ines"
    assert create(stranger, "a").json()["owner"] == "rui"


def test_what_was_refused_can_be_tried_again_with_its_key(program: Client, ines: User) -> None:
    stopped = records.make_stopped(ines)
    address = f"{APPLICATIONS}/{stopped.application_id}/deployments"
    key = {"Idempotency-Key": "a"}
    assert program.post(address, headers=key).status_code == 409
    assert create(program, "b", branch="a b").status_code == 422
    assert not KeptAnswer.objects.exists()
    Instance.objects.update(state="running")
    assert program.post(address, headers=key).status_code == 202
    again = program.post(address, headers=key)
    assert (again.status_code, again.json()["number"]) == (202, 2)
    assert create(program, "b").status_code == 201


def test_terminating_twice_is_answered_as_once(program: Client, ines: User) -> None:
    live = records.make_live(ines)
    address = f"{APPLICATIONS}/{live.application_id}/terminate"
    answers = [program.post(address, headers={"Idempotency-Key": "a"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]


def test_a_key_is_kept_for_a_day(program: Client, ines: User) -> None:
    with time_machine.travel(dt.datetime.now(dt.UTC) - dt.timedelta(hours=25)):
        first = create(client_of(records.make_person("noor")), "a")
        create(program, "a")
    assert KeptAnswer.objects.count() == 2
    assert first.status_code == 201
    assert create(program, "a").json()["name"] == "mysite-2"
    assert KeptAnswer.objects.count() == 1


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "\xe9"])
def test_a_key_that_cannot_be_kept_is_refused(program: Client, key: str) -> None:
    answer = create(program, key)
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == ["Idempotency-Key"]
    assert not Application.objects.exists()


def test_nothing_secret_is_kept_with_a_key(program: Client) -> None:
    create(program, "a")
    assert "sk_live_1" not in str(KeptAnswer.objects.values())
