"""Registering an application on the page."""

import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from ecdeployer.applications.models import Application
from ecdeployer.deployments.models import Deployment
from pytest_django import DjangoCaptureOnCommitCallbacks

NEW = "applications:new"


def least(**data: Any) -> dict[str, Any]:
    return {
        "project_name": "mysite",
        "github_url": "https://github.com/example/site",
        "submission": str(uuid.uuid4()),
        **data,
    }


def test_two_fields_make_an_application_and_wake_a_worker(
    visitor: Client,
    messages: list[tuple[str, Any]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = visitor.post(reverse(NEW), least())
    application = Application.objects.get()
    assert answer.headers["Location"] == application.get_absolute_url()
    deployment = application.deployments.get()
    assert deployment.state == "queued"
    assert deployment.trigger == Deployment.Trigger.PAGE
    assert [arguments for _, arguments in messages] == [[str(deployment.pk)]]
    assert "Step 1 of 11: Read the repository" in visitor.get(answer.headers["Location"]).content.decode()


def test_sending_the_form_twice_makes_one(visitor: Client, messages: list[tuple[str, Any]]) -> None:
    data = least()
    answers = [visitor.post(reverse(NEW), data) for _ in range(3)]
    assert Application.objects.count() == 1
    assert len({answer.headers["Location"] for answer in answers}) == 1


def test_every_page_carries_a_submission_of_its_own(visitor: Client) -> None:
    forms = [visitor.get(reverse(NEW)).context["form"] for _ in range(2)]
    assert forms[0]["submission"].value() != forms[1]["submission"].value()


def test_what_was_found_stands_beside_the_field_and_what_was_typed_stays(visitor: Client) -> None:
    answer = visitor.post(reverse(NEW), least(github_url="https://elsewhere.example.com/a/b", branch="next"))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'id="error_1_id_github_url"' in page
    assert 'value="mysite"' in page
    assert 'value="next"' in page
    assert '<details class="more" >' in page


def test_an_error_below_more_opens_it(visitor: Client) -> None:
    page = visitor.post(reverse(NEW), least(branch="main;id")).content.decode()
    assert '<details class="more" open>' in page


def test_what_was_typed_is_written_as_text(visitor: Client) -> None:
    hostile = "<script>alert(1)</script>"
    page = visitor.post(reverse(NEW), least(project_name=hostile, name=hostile)).content.decode()
    assert hostile not in page
    assert "&lt;script&gt;" in page


@pytest.mark.django_db
def test_a_form_from_another_site_is_refused() -> None:
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post(reverse(NEW), least())
    assert answer.status_code == 403
    assert "This page was open for too long" in answer.content.decode()
