"""Text that is encrypted: in the database, and in what a page holds between two requests."""

import base64
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import models

_COLUMN = b"ecdeployer encrypted text"
_SEAL = b"ecdeployer sealed text"


class SealError(ValueError):
    """It was not sealed here, or too long ago."""


def seal(text: str) -> str:
    """What a page may hold and nobody can read there."""
    return _fernet(_SEAL).encrypt(text.encode()).decode()


def unseal(sealed: str, *, seconds: int) -> str:
    """What was sealed no longer ago than that. Raises SealError."""
    try:
        return _fernet(_SEAL).decrypt(sealed.encode(errors="replace"), ttl=seconds).decode()
    except InvalidToken as error:
        raise SealError from error


def _fernet(purpose: bytes) -> MultiFernet:
    """The first key encrypts, all of them decrypt: SECRET_KEY, then SECRET_KEY_FALLBACKS."""
    return _derived(purpose, (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


@lru_cache(maxsize=4)
def _derived(purpose: bytes, secrets: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(_key(purpose, secret)) for secret in secrets])


def _key(purpose: bytes, secret: str) -> bytes:
    derivation = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose)
    return base64.urlsafe_b64encode(derivation.derive(secret.encode()))


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """A text column that holds Fernet tokens; reading with a wrong key raises cryptography's InvalidToken."""

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else _fernet(_COLUMN).encrypt(str(value).encode()).decode()

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        return None if value is None else _fernet(_COLUMN).decrypt(value.encode()).decode()
