"""Who is signed in where: one file that its owner alone can read, with a token for each portal."""

import ipaddress
import json
import os
import secrets
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import click

from .failures import NotSignedInFailure, RefusedFailure

_FOLDER_MODE, _FILE_MODE, _OTHERS = 0o700, 0o600, 0o077


@dataclass
class Credentials:
    """``default``: the portal that is meant where none is named."""

    default: str = ""
    tokens: dict[str, str] = field(default_factory=dict, repr=False)


def path() -> Path:
    root = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(root) / "ecdeploy" / "portals.json"


def read() -> Credentials:
    """What is kept; nothing where nobody has signed in."""
    try:
        with path().open() as file:
            if os.fstat(file.fileno()).st_mode & _OTHERS:
                raise RefusedFailure(f"Others can read {path()}, which holds tokens: chmod 600 {path()}")
            kept = json.load(file)
        return Credentials(default=str(kept["default"]), tokens=dict(kept["tokens"]))
    except FileNotFoundError:
        return Credentials()
    except (KeyError, TypeError, ValueError) as error:
        raise RefusedFailure(f"{path()} cannot be read. Remove it, and sign in again.") from error


def write(kept: Credentials) -> None:
    """In place of what was there, at once and never readable by others."""
    folder = path().parent
    folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    fresh = folder / f".portals.{secrets.token_hex(8)}"
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE), "w") as file:
            json.dump({"default": kept.default, "tokens": kept.tokens}, file)
        fresh.replace(path())
    finally:
        fresh.unlink(missing_ok=True)


def choose(portal: str | None) -> tuple[str, str]:
    """The portal's address and a token for it. ECDEPLOY_TOKEN goes before what is kept."""
    kept = read()
    address = portal.rstrip("/").lower() if portal else kept.default
    if not address:
        raise NotSignedInFailure("Sign in first: ecdeploy login https://portal.example.com")
    token = os.environ.get("ECDEPLOY_TOKEN") or kept.tokens.get(address)
    if not token:
        raise NotSignedInFailure(f"You are not signed in at {address}: ecdeploy login {address}")
    if address not in kept.tokens:
        refuse_plain_http(address)
    return address, token


def refuse_plain_http(address: str) -> None:
    """Raises RefusedFailure where a token would cross more than a private network unencrypted."""
    parts = urlsplit(address)
    if parts.scheme == "http" and not _is_near(parts.hostname or ""):
        raise RefusedFailure(f"Everybody on the way could read the token. Write https://{parts.netloc}")


def _is_near(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_private
    except ValueError:
        return False


def ask_for_token(address: str, *, from_stdin: bool) -> str:
    """From stdin, the environment, or the person, who does not see it."""
    token = sys.stdin.readline() if from_stdin else os.environ.get("ECDEPLOY_TOKEN") or _prompt(address)
    token = token.strip()
    if not token.isascii() or not token.isprintable() or not token or " " in token:
        raise RefusedFailure("That is no token. Copy it whole; it begins with ecd_.")
    return token


def _prompt(address: str) -> str:
    made_at = f"{address}/accounts/profile/tokens/"
    return str(click.prompt(f"Token (made at {made_at})", hide_input=True, err=True))
