"""Text that is encrypted in the database: what developers typed that may be secret."""

import base64
from typing import Any

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import models


def _fernet() -> MultiFernet:
    """The first key encrypts, all of them decrypt: SECRET_KEY, then SECRET_KEY_FALLBACKS."""
    return MultiFernet(
        [Fernet(_key(secret)) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    )


def _key(secret: str) -> bytes:
    derivation = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"ecdeployer encrypted text")
    return base64.urlsafe_b64encode(derivation.derive(secret.encode()))


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """A text column that holds Fernet tokens; reading with a wrong key raises cryptography's InvalidToken."""

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else _fernet().encrypt(str(value).encode()).decode()

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        return None if value is None else _fernet().decrypt(value.encode()).decode()
