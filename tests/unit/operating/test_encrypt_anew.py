"""After it the key that was before SECRET_KEY is needed no more."""

import itertools

import pytest
from cryptography.fernet import InvalidToken
from django.core.management import call_command
from ecdeployer.accounts.models import User
from ecdeployer.applications.models import EnvironmentVariable
from ecdeployer.webhooks.models import Webhook
from pytest_django import Settings

NEW = "n" * 60


def test_what_an_earlier_key_encrypted_is_read_without_it(owner: User, settings: Settings) -> None:
    application = owner.applications.get()
    old = settings.SECRET_KEY
    Webhook.objects.filter(application=application).delete()
    EnvironmentVariable.objects.create(application=application, name="TOKEN", value="of long ago")
    hook = Webhook.objects.create(application=application)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [old]
    call_command("encrypt_anew")
    settings.SECRET_KEY_FALLBACKS = []
    assert EnvironmentVariable.objects.get(name="TOKEN").value == "of long ago"
    assert Webhook.objects.get(pk=hook.pk).secret == hook.secret
    settings.SECRET_KEY = old
    with pytest.raises(InvalidToken):
        EnvironmentVariable.objects.get(name="TOKEN")


def test_machines_in_two_rounds_read_what_the_others_write(owner: User, settings: Settings) -> None:
    """As docs/operating.md says: the new key comes as a fallback first."""
    application, old = owner.applications.get(), settings.SECRET_KEY
    rounds: list[tuple[str, list[str]]] = [(old, []), (old, [NEW]), (NEW, [old])]
    for before, after in itertools.pairwise(rounds):
        for writer, reader in ((before, after), (after, before)):
            settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = writer
            name = f"TOKEN_{len(application.environment.all())}"
            EnvironmentVariable.objects.create(application=application, name=name, value="shared")
            settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = reader
            assert EnvironmentVariable.objects.get(name=name).value == "shared"
