import re

import pytest
from django.test import Client
from django.urls import reverse
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import Application, Event

from tests.portal_records import make_live

SECRET = "sk_live_1"


@pytest.fixture
def application(ines: User) -> Application:
    return make_live(ines).application


def values(application: Application) -> dict[str, str]:
    return dict(application.environment.values_list("name", "value"))


def address(application: Application, name: str = "environment") -> str:
    return reverse(f"applications:{name}", args=[application.pk])


def test_names_are_shown_and_values_never(visitor: Client, application: Application) -> None:
    page = visitor.get(address(application)).content.decode()
    assert "STRIPE_KEY" in page
    assert SECRET not in page


def test_several_are_added_or_replaced_at_once(visitor: Client, application: Application) -> None:
    visitor.post(address(application), {"environment": "STRIPE_KEY=new\r\nDEBUG_TOOLBAR='off'"})
    assert values(application) == {"STRIPE_KEY": "new", "DEBUG_TOOLBAR": "off"}
    detail = Event.objects.filter(verb="environment changed").values_list("detail", flat=True)
    assert list(detail) == ["DEBUG_TOOLBAR, STRIPE_KEY"]


def test_one_is_changed_to_exactly_what_was_typed(visitor: Client, application: Application) -> None:
    visitor.post(address(application, "change-variable"), {"name": "STRIPE_KEY", "value": " a'\r\nb$ "})
    assert values(application) == {"STRIPE_KEY": " a'\nb$ "}


def test_one_is_removed_and_removing_it_again_is_no_mistake(
    visitor: Client, application: Application
) -> None:
    for _ in range(2):
        answer = visitor.post(address(application, "remove-variable"), {"name": "STRIPE_KEY"})
        assert answer.status_code == 302
    assert values(application) == {}
    assert "None yet." in visitor.get(address(application)).content.decode()


@pytest.mark.parametrize("text", ["PATH=/tmp", "no value", ""])
def test_what_cannot_be_kept_is_refused_beside_the_field(
    visitor: Client, application: Application, text: str
) -> None:
    answer = visitor.post(address(application), {"environment": text})
    assert answer.status_code == 422
    assert "invalid-feedback" in answer.content.decode()
    assert values(application) == {"STRIPE_KEY": SECRET}


def test_a_mistake_in_one_variable_opens_it(visitor: Client, application: Application) -> None:
    answer = visitor.post(
        address(application, "change-variable"), {"name": "STRIPE_KEY", "value": "x" * 40_000}
    )
    assert answer.status_code == 422
    assert re.search(r'id="variable-STRIPE_KEY"\s+open', answer.content.decode())


def test_the_form_for_another_name_than_a_variables_is_refused(
    visitor: Client, application: Application
) -> None:
    answer = visitor.post(address(application, "change-variable"), {"name": "PATH", "value": "/tmp"})
    assert answer.status_code == 422
    assert values(application) == {"STRIPE_KEY": SECRET}
