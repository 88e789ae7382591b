"""Signing in and out, and completion."""

from urllib.parse import urlsplit

import click
from click.shell_completion import get_completion_class

from . import credentials, terminal
from .failures import RefusedFailure
from .portal import Portal


@click.command()
@click.argument("portal", metavar="PORTAL_URL")
@click.option("--token-stdin", is_flag=True, help="Read the token from stdin, for scripts.")
@click.option("--plain-http", is_flag=True, help="Send the token without TLS, to a name of your own network.")
def login(*, portal: str, token_stdin: bool, plain_http: bool) -> None:
    """Sign in at a portal, which is the usual one from then on.

    The token comes from the portal's page of your profile. It is asked for, or read from stdin or
    ECDEPLOY_TOKEN, and kept in a file that you alone can read.
    """
    address = _address_of(portal, plain_http=plain_http)
    token = credentials.ask_for_token(address, from_stdin=token_stdin)
    Portal(address, token).get("/limits")
    kept = credentials.read()
    kept.default, kept.tokens[address] = address, token
    credentials.write(kept)
    terminal.tell(f"Signed in at {address}.")


@click.command()
@click.argument("portal", metavar="PORTAL_URL", required=False)
def logout(*, portal: str | None) -> None:
    """Forget the token of a portal. (Revoke it on the portal's page to end it everywhere.)"""
    kept = credentials.read()
    address = portal.rstrip("/").lower() if portal else kept.default
    if kept.tokens.pop(address, None) is None:
        raise RefusedFailure(f"You are not signed in at {address or 'any portal'}.")
    if kept.default == address:
        kept.default = next(iter(kept.tokens), "")
    credentials.write(kept)
    terminal.tell(f"Signed out of {address}.")


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(*, shell: str) -> None:
    """Print what your shell needs to complete ecdeploy.

    For bash, in ~/.bashrc: eval "$(ecdeploy completion bash)"
    """
    made = get_completion_class(shell)
    root = click.get_current_context().find_root().command
    if made is None:
        raise RefusedFailure(f"There is no completion for {shell}.")
    click.echo(made(root, {}, "ecdeploy", "_ECDEPLOY_COMPLETE").source())


def _address_of(portal: str, *, plain_http: bool) -> str:
    """Where the API is. Raises RefusedFailure."""
    try:
        parts = urlsplit(portal if "://" in portal else f"https://{portal}")
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or parts.username is not None:
        raise RefusedFailure(f"Found {portal!a}. Write the portal's address: https://portal.example.com")
    address = f"{parts.scheme}://{parts.netloc}".lower()
    if not plain_http:
        credentials.refuse_plain_http(address)
    return address
