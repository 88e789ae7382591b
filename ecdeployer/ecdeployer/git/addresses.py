"""Where a host name leads, before git goes there."""

import ipaddress
import os
import socket

from .errors import GitError


def pinned(host: str, *, port: int = 443) -> dict[str, str]:
    """git's configuration that holds it to the addresses that were checked, not to later answers.

    Behind a proxy, which resolves by itself, nothing is pinned. Raises GitError.
    https://git-scm.com/docs/git-config#Documentation/git-config.txt-httpcurloptResolve (git 2.37 or later)
    """
    if os.environ.get("https_proxy") or os.environ.get("HTTPS_PROXY"):
        return {}
    return {"http.curloptResolve": f"{host}:{port}:{','.join(public_addresses(host, port=port))}"}


def public_addresses(host: str, *, port: int) -> list[str]:
    """Those that a name leads to, the best first. Raises GitError unless every one is a public address."""
    try:
        addresses = resolve(host, port=port)
    except OSError as error:
        raise GitError(
            "repository-unreachable", f"{host} cannot be found at the moment.", retryable=True, log=str(error)
        ) from error
    inner = [address for address in addresses if not is_public(address)]
    if inner or not addresses:
        raise GitError(
            "repository-refused", f"{host} leads to {', '.join(inner)}, which is no public address."
        )
    return addresses


def resolve(host: str, *, port: int) -> list[str]:
    """All addresses that a name leads to, the best first. Raises OSError or UnicodeError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(text: str) -> bool:
    """Whether an address is one that anybody may reach, and one that it stands for, too."""
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    return address.is_global and not address.is_multicast and (mapped is None or mapped.is_global)
