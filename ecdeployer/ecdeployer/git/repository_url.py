"""The one door for addresses of repositories: what a person pasted becomes checked parts, and is rebuilt."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from .names import check_branch

_LONGEST = 500
# GitHub's rule for owners (39 characters, single dashes inside), with the underscore of managed users.
_OWNER = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_]|-(?=[A-Za-z0-9_])){0,38}")
_REPOSITORY = re.compile(r"[A-Za-z0-9._-]{1,100}")
_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
#: ``git@github.com:owner/name.git`` and the same as a URL: what hosts give people to copy ends so.
_OVER_SSH = re.compile(
    r"(?:git@(?P<host>[A-Za-z0-9.-]+):|ssh://git@(?P<same>[A-Za-z0-9.-]+)/)(?P<path>[^/].*\.git)"
)
#: Where a repository's own deploy keys are entered.
_KEYS_PAGES = {
    "github.com": "/settings/keys",
    "gitlab.com": "/-/settings/repository#js-deploy-keys-settings",
    "bitbucket.org": "/admin/access-keys/",
}


class RepositoryURLError(ValueError):
    """What a person typed is no address of a repository; the text stands beside the field."""


@dataclass(frozen=True, kw_only=True)
class RepositoryURL:
    """``url`` is rebuilt from checked parts, and is what git is given; ``branch`` is empty unless named.

    ``ssh_url`` is what git is given with a deploy key; empty for plain git, which takes none.
    """

    url: str
    ssh_url: str
    host: str
    owner: str
    name: str
    branch: str
    web_url: str

    @property
    def keys_page(self) -> str:
        """Empty where nobody knows what kind of site the host is."""
        page = _KEYS_PAGES.get(self.host)
        return f"{self.web_url}{page}" if page else ""


def parse_url(text: str, *, allowed_hosts: Sequence[str]) -> RepositoryURL:
    """Understand an address as people paste it.

    ``allowed_hosts``: ``github.com`` stands for ``owner/name`` by HTTPS, or by SSH with a key;
    ``http://10.0.0.1:9418`` for plain git below it, ``ssh://10.0.0.1:2222`` for SSH alone, these two with a
    path of one or two parts. All may be followed by ``.git``, a slash or ``/tree/<branch>``. Raises
    RepositoryURLError.
    """
    if not text:
        raise RepositoryURLError("Enter the address of a repository, such as https://github.com/owner/name.")
    if len(text) > _LONGEST or not text.isascii() or not text.isprintable() or " " in text:
        raise RepositoryURLError(f"Found {text[:80]!r}. An address has no spaces and no special characters.")
    plain = re.sub(r"\Assh://git@", "ssh://", text)
    for prefix in (host.rstrip("/") for host in allowed_hosts if "://" in host):
        if plain.startswith(prefix + "/"):
            return _parse_below(prefix, plain.removeprefix(prefix), text)
    names = [host for host in allowed_hosts if "://" not in host]
    over_ssh = _OVER_SSH.fullmatch(text)
    host = (over_ssh["host"] or over_ssh["same"]).lower() if over_ssh else ""
    address = f"https://{host}/{over_ssh['path']}" if over_ssh and host in names else text
    return _parse_named(address, text, allowed_hosts)


def _parse_named(address: str, text: str, allowed_hosts: Sequence[str]) -> RepositoryURL:
    try:
        parts = urlsplit(address)
        host, credentials = parts.netloc.lower(), parts.username
    except ValueError as error:
        raise RepositoryURLError(f"Found {text[:80]!r}, which is no address.") from error
    if credentials is not None:
        raise RepositoryURLError(
            "The address holds a user name or a token. Remove it: the portal never asks for one."
        )
    if parts.scheme != "https" or host not in allowed_hosts:
        offered = " or ".join(
            f"{each.rstrip('/')}/name" if "://" in each else f"https://{each}/owner/name"
            for each in allowed_hosts
        )
        raise RepositoryURLError(f"Found {text[:80]!r}. Repositories are read from {offered}.")
    if parts.query or parts.fragment or address.endswith(("?", "#")):
        raise RepositoryURLError(f"Found {text[:80]!r}. Leave out what stands after ? or #.")
    segments, branch = _split(parts.path, text)
    if len(segments) != 2 or not _OWNER.fullmatch(segments[0]):
        raise RepositoryURLError(f"Found {text[:80]!r}. Enter an address such as https://{host}/owner/name.")
    owner, name = segments
    web_url = f"https://{host}/{owner}/{name}"
    return RepositoryURL(
        # GitLab redirects an address without the suffix, and redirects are not followed.
        url=web_url if host == "github.com" else f"{web_url}.git",
        ssh_url=f"ssh://git@{host.partition(':')[0]}/{owner}/{name}.git",
        host=host,
        owner=owner,
        name=name,
        branch=branch,
        web_url=web_url,
    )


def _parse_below(prefix: str, path: str, text: str) -> RepositoryURL:
    segments, branch = _split(path, text)
    if len(segments) not in (1, 2) or not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise RepositoryURLError(f"Found {text[:80]!r}. Enter an address such as {prefix}/name.")
    over_ssh = prefix.startswith("ssh://")
    url = "/".join([prefix.replace("ssh://", "ssh://git@"), *segments])
    return RepositoryURL(
        url=url,
        ssh_url=url if over_ssh else "",
        host=urlsplit(prefix).netloc,
        owner=segments[0] if len(segments) == 2 else "",
        name=segments[-1],
        branch=branch,
        web_url=url,
    )


def _split(path: str, text: str) -> tuple[list[str], str]:
    """The parts of a repository's path, the last without ``.git``; and the branch."""
    before, tree, branch = path.partition("/tree/")
    segments = before.removeprefix("/").removesuffix("/").split("/")
    segments[-1] = segments[-1].removesuffix(".git")
    if not _REPOSITORY.fullmatch(segments[-1]) or segments[-1] in {".", ".."}:
        raise RepositoryURLError(f"Found {text[:80]!r}, which names no repository.")
    branch = branch.removesuffix("/")
    if tree:
        try:
            check_branch(branch)
        except ValueError as error:
            raise RepositoryURLError(str(error)) from error
    return segments, branch
