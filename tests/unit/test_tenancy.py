"""Every URL of the portal, asked for by nobody and by somebody else."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from ecdeployer.accounts import tokens

from tests.portal_records import make_failed, make_person

#: Rooms with rules of their own: allauth's pages, Django's admin, reports and metrics (by token).
APART = ("accounts/", "admin/", "reports/", "api/", "webhooks/", "metrics")
PUBLIC = {"home", "favicon", "findings:index", "findings:detail"}
#: What a person opens who has nothing yet; it shows nothing of anybody else.
OWN = {"applications:list", "applications:new", "profile", "tokens:list"}


def patterns(
    resolver: URLResolver, prefix: str = "", namespace: str = ""
) -> Iterator[tuple[str, URLPattern]]:
    for each in resolver.url_patterns:
        route = prefix + str(each.pattern)
        if route.startswith(APART) and not route.startswith("accounts/profile"):
            continue
        if isinstance(each, URLResolver):
            yield from patterns(each, route, f"{each.namespace}:" if each.namespace else namespace)
        else:
            yield f"{namespace}{each.name}", each


NAMES = dict(patterns(get_resolver()))
PRIVATE = sorted(set(NAMES) - PUBLIC)


def path_of(name: str, record: dict[str, Any]) -> str:
    converters = NAMES[name].pattern.converters
    room = name.partition(":")[0]
    return reverse(name, kwargs={key: record[f"{room}.{key}"] for key in converters})


@pytest.fixture
def record(db: None) -> dict[str, UUID | int | str]:
    """What the routes' parameters are filled with: all of it belongs to one person."""
    deployment = make_failed(make_person("ines"))
    token, _ = tokens.create(deployment.application.owner, name="laptop", days=7)
    return {
        "applications.pk": deployment.application_id,
        "deployments.pk": deployment.pk,
        "deployments.step": "install",
        "findings.code": "debug-on",
        "tokens.pk": token.pk,
    }


def answers(client: Client, path: str) -> list[int]:
    return [getattr(client, verb)(path).status_code for verb in ("get", "post")]


@pytest.mark.parametrize("name", PRIVATE)
def test_nobody_is_sent_to_the_sign_in_page(client: Client, record: dict[str, Any], name: str) -> None:
    path = path_of(name, record)
    for verb in ("get", "post"):
        answer = getattr(client, verb)(path)
        if answer.status_code != 405:
            assert answer.headers["Location"].startswith(reverse("account_login"))
    assert set(answers(client, path)) <= {302, 405}


@pytest.mark.parametrize("name", sorted(set(PRIVATE) - OWN))
def test_another_person_is_told_that_there_is_nothing(
    client: Client, record: dict[str, Any], name: str
) -> None:
    client.force_login(make_person("rui"))
    found = answers(client, path_of(name, record))
    assert set(found) <= {404, 405}
    assert 404 in found


@pytest.mark.parametrize("name", sorted(set(PRIVATE) - OWN))
def test_staff_see_everybodys(client: Client, record: dict[str, Any], name: str) -> None:
    client.force_login(make_person("operator", is_staff=True))
    assert client.get(path_of(name, record)).status_code in (200, 286, 405)


def test_a_dashboard_holds_its_owners_applications_alone(client: Client, record: dict[str, Any]) -> None:
    client.force_login(make_person("rui"))
    page = client.get(reverse("applications:list")).content.decode()
    assert "newsroom" not in page
    assert "Put your first Django site on the air" in page


def test_a_fragment_that_a_signed_out_page_asks_for_reloads_the_page(
    client: Client, record: dict[str, Any]
) -> None:
    path = path_of("applications:live", record)
    answer = client.get(path, headers={"HX-Request": "true"})
    assert answer.headers["HX-Refresh"] == "true"
    assert b"newsroom" not in answer.content
