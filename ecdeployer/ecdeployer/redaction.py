"""Text and records without what looks like a secret, and without those that are known."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

HIDDEN = "[hidden]"
#: Known secrets shorter than this would take pieces out of ordinary words.
SHORTEST = 6
_SECRETS = re.compile(
    r"""
    # A header to the end of its line or quote; the scheme's name stays.
    (?P<header>(?i:authorization|cookie|x-api-key|x-amz-security-token)["']?\s{0,9}[:=]\s{0,9}["']?
        (?:(?i:basic|bearer|digest|token|aws4-hmac-sha256)\ {1,9})?) [^"'\r\n]+
    | (?P<scheme>(?i:basic|bearer)\ {1,9}) [A-Za-z0-9+/._~=-]{8,}
    | (?P<word>(?i:password|passwd|passphrase|secret)\w{0,20}["']?\s{0,9}[:=]\s{0,9})
        (?: "[^"]+" | '[^']+' | [^\s"'&,;)}\]]+ )
    | (?P<name>(?i:token|key|credentials?|signature)["']?\s{0,9}[:=]\s{0,9}["']?) [^\s"'&,;)}\]]{8,}
    | (?P<query>[?&](?i:code|state|sig|auth|pwd|session\w{0,20})=) [^\s"'&]+
    # What stands before the @ of a URL; the name stays where there is a password.
    | (?P<url>\b[a-z][a-z0-9+.-]{0,30}://(?:[^\s:/@?#"']{0,200}:)?) [^\s/@?#"']{1,500}(?=@)
    | \b(?:AKIA|ASIA)[A-Z0-9]{16}
    | \becd_[A-Za-z0-9_-]{16,}
    | \b(?:gh[a-z]|github_pat)_[A-Za-z0-9_]{20,}
    | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?
    | -----BEGIN[A-Z ]{1,30}KEY-----[^-]*(?:-----END[A-Z ]{1,30}KEY-----)?
    """,
    re.VERBOSE,
)
#: Fields whose value is hidden whatever it looks like.
_NAMED = re.compile(
    r"(?i).*(?:authorization|cookie|credential|passw|passphrase|secret|signature|token|api_?key|csrf)"
)
_PLAIN = (bool, int, float, type(None))


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Without what looks like a secret, and without these."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return _SECRETS.sub(_kept, text)


def redact_value(value: Any, secrets: Iterable[str] = (), *, name: str = "") -> Any:
    """The same for whatever stands in a field of this name; an object becomes its text."""
    if isinstance(value, _PLAIN):
        return value
    if _NAMED.match(name) and not isinstance(value, Mapping):
        return HIDDEN if value else value
    if isinstance(value, Mapping):
        return {str(key): redact_value(item, secrets, name=str(key)) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redact_value(item, secrets) for item in value]
    return redact(_text(value), secrets)


def _kept(found: re.Match[str]) -> str:
    return (found[found.lastgroup] if found.lastgroup else "") + HIDDEN


def _text(value: Any) -> str:
    if isinstance(value, (bytes, bytearray)):
        return value.decode(errors="replace")
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - whatever it is, the line must be written
        return f"<{type(value).__name__}>"
