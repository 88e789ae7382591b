"""The deploy key of an application: made, shown, replaced, removed; and its private half nowhere here."""

from typing import Any
from unittest.mock import Mock, create_autospec

import pytest
from django.core import serializers
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from ecdeployer.accounts.models import User
from ecdeployer.applications import actions, deploy_keys
from ecdeployer.applications.actions import RefusedError
from ecdeployer.applications.models import Application, DeployKey, Event
from ecdeployer.aws.errors import AWSError
from ecdeployer.deployments.states import DeploymentState, StepName
from ecdeployer.git import keys
from ecdeployer.instances import deploy_keys as private_halves
from ecdeployer.instances.models import LedgerEntry
from ecdeployer.instances.states import InstanceState
from pytest_django import DjangoAssertNumQueries, Settings

from tests.portal_records import make_application, make_deployment, make_instance, make_live


@pytest.fixture
def application(ines: User) -> Application:
    return make_live(ines, github_url="https://github.com/ines/bakery").application


class Store:
    """Parameter Store, as the action sees it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.private = ""
        self.write: Mock = create_autospec(private_halves.write, side_effect=self._write)
        self.delete: Mock = create_autospec(private_halves.delete, return_value=1)
        monkeypatch.setattr(private_halves, "write", self.write)
        monkeypatch.setattr(private_halves, "delete", self.delete)

    def _write(self, _: Application, private: str) -> None:
        self.private = private


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    return Store(monkeypatch)


def address(application: Application, name: str = "repository") -> str:
    return reverse(f"applications:{name}", args=[application.pk])


def events(application: Application) -> list[tuple[str, str]]:
    found = Event.objects.filter(application=application, verb__startswith="deploy key").order_by("id")
    return list(found.values_list("verb", "detail"))


def test_the_page_offers_a_key_and_then_shows_its_public_half(
    visitor: Client, application: Application, store: Store
) -> None:
    assert "Make a deploy key" in visitor.get(address(application)).content.decode()
    answer = visitor.post(address(application, "make-key"))
    assert answer.headers["Location"] == address(application)
    key = application.deploy_key
    assert keys.public_half(store.private) == key.public.rsplit(" ", 1)[0]
    assert key.public.endswith(" bakery@127.0.0.1")
    page = visitor.get(address(application)).content.decode()
    assert key.public in page
    assert key.fingerprint in page
    assert 'href="https://github.com/ines/bakery/settings/keys"' in page
    assert events(application) == [("deploy key made", key.fingerprint)]


def test_the_private_half_is_in_no_table(application: Application, store: Store, ines: User) -> None:
    deploy_keys.make(application, by=ines)
    secret = store.private.splitlines()[2]
    rows = [*DeployKey.objects.all(), *Event.objects.all(), *Application.objects.all()]
    assert secret not in serializers.serialize("json", rows)
    assert "PRIVATE" not in serializers.serialize("json", rows)


def test_a_new_key_takes_the_place_of_the_old_one(
    visitor: Client, application: Application, store: Store, ines: User
) -> None:
    earlier = deploy_keys.make(application, by=None).public
    visitor.post(address(application, "make-key"))
    key = DeployKey.objects.get()
    assert key.public != earlier
    assert keys.public_half(store.private) == key.public.rsplit(" ", 1)[0]
    assert key.made_by == ines
    assert [verb for verb, _ in events(application)] == ["deploy key made", "deploy key replaced"]


def test_removing_it_twice_is_no_mistake(visitor: Client, application: Application, store: Store) -> None:
    deploy_keys.make(application, by=None)
    for _ in range(2):
        assert visitor.post(address(application, "remove-key")).status_code == 302
    assert not DeployKey.objects.exists()
    assert store.delete.call_count == 1
    assert "Make a deploy key" in visitor.get(address(application)).content.decode()


def refuse(*_: Any) -> None:
    raise AWSError(code="AccessDenied", message="no", kind="denied")


def test_a_store_that_refuses_leaves_what_was(
    visitor: Client, application: Application, store: Store
) -> None:
    public = deploy_keys.make(application, by=None).public
    store.write.side_effect = store.delete.side_effect = refuse
    for name in ("make-key", "remove-key"):
        answer = visitor.post(address(application, name), follow=True)
        assert "Parameter Store" in answer.content.decode()
    assert DeployKey.objects.get().public == public
    assert len(events(application)) == 1


def test_a_pair_that_was_never_finished_is_shown_as_none(
    visitor: Client, application: Application, store: Store
) -> None:
    store.write.side_effect = refuse
    visitor.post(address(application, "make-key"))
    assert DeployKey.objects.get().public == ""
    assert "Make a deploy key" in visitor.get(address(application)).content.decode()


def test_plain_git_takes_no_key(ines: User, store: Store, settings: Settings) -> None:
    settings.GIT_HOSTS = ["http://10.213.0.1:9418"]
    application = make_application(ines, github_url="http://10.213.0.1:9418/shop")
    with pytest.raises(RefusedError, match="without a key"):
        deploy_keys.make(application, by=ines)
    assert not DeployKey.objects.exists()


def test_a_host_that_is_allowed_no_more_has_a_page_without_a_button(
    visitor: Client, application: Application, settings: Settings
) -> None:
    settings.GIT_HOSTS = ["gitlab.com"]
    page = visitor.get(address(application)).content.decode()
    assert "allows this repository" in page
    assert address(application, "make-key") not in page
    assert visitor.post(address(application, "make-key")).status_code == 302


def test_the_end_of_the_application_gives_it_to_the_ledger(application: Application, store: Store) -> None:
    deploy_keys.make(application, by=None)
    actions.terminate(application, by=None)
    assert not DeployKey.objects.exists()
    entry = LedgerEntry.objects.get(kind="deploy-key")
    assert (entry.instance.application, entry.gone_at) == (application, None)
    with pytest.raises(RefusedError, match="terminated"):
        deploy_keys.make(application, by=None)


def test_a_key_that_comes_after_the_end_is_deleted_again(application: Application, store: Store) -> None:
    def end(*_: Any) -> None:
        Application.objects.update(terminate_requested_at=timezone.now())

    store.write.side_effect = end
    with pytest.raises(RefusedError, match="terminated"):
        deploy_keys.make(application, by=None)
    store.delete.assert_called_once()


@pytest.mark.parametrize(
    ("code", "offered"),
    [("repository-private", True), ("deploy-key-missing", True), ("repository-not-opened", False)],
)
def test_a_repository_that_may_be_private_is_answered_with_the_button(
    visitor: Client, ines: User, code: str, offered: bool
) -> None:
    instance = make_instance(make_application(ines), InstanceState.FAILED)
    deployment = make_deployment(
        instance, DeploymentState.FAILED, at=StepName.PREFLIGHT, failure_code=code, reason="Cannot be read."
    )
    page = visitor.get(address(deployment.application, "detail")).content.decode()
    assert (address(deployment.application, "make-key") in page) is offered


def test_the_page_takes_a_fixed_number_of_queries(
    visitor: Client, application: Application, store: Store, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    deploy_keys.make(application, by=None)
    with django_assert_num_queries(5):
        visitor.get(address(application))
