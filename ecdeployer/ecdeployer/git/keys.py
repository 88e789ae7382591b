"""Deploy keys: Ed25519 pairs, in OpenSSH's own formats."""

import base64
import hashlib
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """``public`` is a line for a git host's page of deploy keys; ``private`` is for ssh alone."""

    public: str
    private: str = field(repr=False)


def make_pair(*, comment: str) -> Pair:
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode("ascii")
    return Pair(public=f"{public_half(private)} {comment}", private=private)


def public_half(private: str) -> str:
    """Kind and key, without a comment. Raises ValueError for what is no private key."""
    key = load_ssh_private_key(private.encode(), password=None)
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")


def fingerprint(public: str) -> str:
    """As ``ssh-keygen -l`` and git hosts show it."""
    digest = hashlib.sha256(base64.b64decode(public.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")
