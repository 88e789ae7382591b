"""The host keys that ssh may meet: those that GitHub, GitLab and Bitbucket publish, and the operator's own.

The file ``known_hosts`` holds each vendor's Ed25519 key. A test compares them with the fingerprints at
https://docs.github.com/authentication/keeping-your-account-and-data-secure/githubs-ssh-key-fingerprints
https://docs.gitlab.com/user/gitlab_com/#ssh-host-keys-fingerprints
https://support.atlassian.com/bitbucket-cloud/docs/configure-ssh-and-two-step-verification/
"""

import re
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

PUBLISHED = Path(__file__).with_name("known_hosts").read_text(encoding="ascii")
#: They travel with user data, which is small. A host's key takes about a hundred characters.
LONGEST = 4000
_LINE = re.compile(
    r"(?:@(?:revoked|cert-authority) )?[!-?A-~][!-~]* (?P<key>[a-z0-9@.-]+ [A-Za-z0-9+/=]+)(?: [ -~]*)?"
)


def with_published(given: str) -> str:
    """All lines, as ssh reads them. ``given``: lines for known_hosts, or the path of a file that holds them.

    Raises ValueError, whose text names the line.
    """
    lines = [line.strip() for line in _text(given).splitlines()]
    kept = [line for line in lines if line and not line.startswith("#")]
    for line in kept:
        _check(line)
    if sum(len(line) + 1 for line in kept) > LONGEST:
        raise ValueError(f"holds more than {LONGEST:,} characters: leave out what is not needed")
    return PUBLISHED + "".join(f"{line}\n" for line in kept)


def _text(given: str) -> str:
    if not given.startswith("/"):
        return given
    try:
        return Path(given).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the file {given} cannot be read: {error}") from error


def _check(line: str) -> None:
    found = _LINE.fullmatch(line)
    try:
        if found is None:
            raise ValueError("the parts are not those of such a line")
        load_ssh_public_key(found["key"].encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError(
            f"found {line[:60]!r}, expected lines such as [git.example.com]:2222 ssh-ed25519 AAAA..., "
            "as ssh-keyscan prints them"
        ) from error
