from typing import Any

import pytest
from ecdeployer.accounts.models import User
from ecdeployer.applications.forms import ApplicationForm, TerminateForm
from pytest_django import Settings

from tests.portal_records import make_application, make_person

LEAST = {"project_name": "mysite", "github_url": "https://github.com/example/site"}


def filled(owner: User, **data: Any) -> ApplicationForm:
    form = ApplicationForm({**LEAST, **data}, owner=owner)
    form.is_valid()
    return form


def test_two_fields_are_enough(ines: User, settings: Settings) -> None:
    form = filled(ines)
    assert form.errors == {}
    wanted = {
        "project_name": "mysite",
        "github_url": "https://github.com/example/site",
        "name": "mysite",
        "description": "",
        "branch": "",
        "instance_type": settings.INSTANCE_TYPES[0],
        "health_path": "/",
        "deploy_on_push": False,
        "confirm_migrations": False,
        "environment": {},
        "submission": None,
    }
    assert {**form.parameters(), "github_url": form.parameters()["github_url"].removesuffix(".git")} == wanted


@pytest.mark.parametrize("ending", ["", ".git", "/", ".git/"])
def test_every_way_to_write_a_repository_is_the_same_repository(ines: User, ending: str) -> None:
    plain = filled(ines).parameters()["github_url"]
    assert filled(ines, github_url=LEAST["github_url"] + ending).parameters()["github_url"] == plain


def test_a_branch_in_the_url_is_taken(ines: User) -> None:
    form = filled(ines, github_url=LEAST["github_url"] + "/tree/release/2.x")
    assert form.parameters()["branch"] == "release/2.x"


def test_a_branch_in_the_url_and_another_in_the_field_are_told_apart(ines: User) -> None:
    form = filled(ines, github_url=LEAST["github_url"] + "/tree/main", branch="next")
    assert list(form.errors) == ["branch"]
    assert form.more_has_errors
    assert filled(ines, github_url=LEAST["github_url"] + "/tree/main", branch="main").errors == {}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("project_name", ""),
        ("project_name", "../etc"),
        ("project_name", "my site"),
        ("project_name", "mysite\n"),
        ("github_url", ""),
        ("github_url", "https://elsewhere.example.com/example/site"),
        ("github_url", "file:///etc/passwd"),
        ("github_url", "https://github.com/example"),
        ("github_url", "--upload-pack=id"),
        ("branch", "main;id"),
        ("branch", "$(id)"),
        ("branch", "--force"),
        ("name", "a b"),
        ("name", "-a"),
        ("name", "a\n"),
        ("name", "<script>"),
        ("health_path", "healthz"),
        ("health_path", "/a b"),
        ("health_path", "/a\n"),
        ("health_path", '/"'),
        ("instance_type", "u-24tb1.metal"),
        ("environment", "no value"),
        ("environment", "LD_PRELOAD=x"),
    ],
)
def test_an_error_stands_beside_its_own_field(ines: User, field: str, value: str) -> None:
    form = filled(ines, **{field: value})
    assert list(form.errors) == [field]


def test_a_name_that_the_owner_has_is_refused_and_another_person_may_use_it(ines: User) -> None:
    make_application(ines, "bakery")
    assert "Choose another name" in filled(ines, name="bakery").errors["name"][0]
    assert filled(make_person("rui"), name="bakery").errors == {}


def test_a_name_that_is_left_empty_becomes_a_free_one(ines: User) -> None:
    for name in ("mysite", "mysite-2"):
        make_application(ines, name)
    assert filled(ines).parameters()["name"] == "mysite-3"


def test_a_mapping_of_variables_is_read_as_lines_are(ines: User) -> None:
    wanted = {"A": "1", "B": "two\nlines"}
    assert filled(ines, environment=wanted).parameters()["environment"] == wanted
    assert filled(ines, environment="A=1\r\nB='two\r\nlines'").parameters()["environment"] == wanted


def test_every_type_on_offer_says_its_price(ines: User) -> None:
    assert "t3.micro: $0.0183 an hour, about $13.38 a month" in str(
        ApplicationForm(owner=ines)["instance_type"]
    )


def test_ending_a_site_takes_its_very_name(ines: User) -> None:
    application = make_application(ines, "bakery")
    assert TerminateForm({"name": "bakery"}, application=application).is_valid()
    for typed in ("", "Bakery", "bakery2"):
        assert not TerminateForm({"name": typed}, application=application).is_valid()
