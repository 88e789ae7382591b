"""Whether a request comes from somebody who has the application's secret. Text in, verdict out.

GitHub: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
GitLab: https://docs.gitlab.com/user/project/integrations/webhooks/#delivery-headers
"""

import hashlib
import hmac
import re
from collections.abc import Mapping

from .senders import Sender

GITHUB, GITLAB = "X-Hub-Signature-256", "X-Gitlab-Token"
PLAIN, PLAIN_TIME = "X-Signature-256", "X-Signature-Timestamp"
#: Seconds by which the clock of a plain POST may differ from ours.
TOLERANCE = 300
_PREFIX = "sha256="


class SignatureError(Exception):
    """The text says what is wrong, for the application's owner and never for the sender."""


def sign(secret: str, body: bytes) -> str:
    """As GitHub does: ``sha256=`` and 64 hexadecimal digits."""
    return _PREFIX + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def sign_plain(secret: str, body: bytes, *, timestamp: str) -> str:
    """The time is signed with the body, so that neither can be sent again with another."""
    return sign(secret, timestamp.encode(errors="replace") + b"." + body)


def verify(secret: str, headers: Mapping[str, str], body: bytes, *, now: float) -> Sender:
    """Who sent it. Raises SignatureError; with an empty secret whatever was sent."""
    if GITHUB in headers:
        sender, given, expected = Sender.GITHUB, headers[GITHUB], sign(secret, body)
    elif GITLAB in headers:
        sender, given, expected = Sender.GITLAB, headers[GITLAB], secret
    elif PLAIN in headers:
        timestamp = headers.get(PLAIN_TIME, "")
        sender, given = Sender.PLAIN, headers[PLAIN]
        expected = sign_plain(secret, body, timestamp=timestamp)
    else:
        sign(secret, body)
        raise SignatureError("It is not signed.")
    matches = hmac.compare_digest(given.encode(errors="replace"), expected.encode())
    if not secret or not matches:
        raise SignatureError("It is signed with another secret.")
    if sender == Sender.PLAIN:
        _check_time(timestamp, now=now)
    return sender


def _check_time(timestamp: str, *, now: float) -> None:
    if not re.fullmatch(r"[0-9]{1,12}", timestamp) or abs(now - int(timestamp)) > TOLERANCE:
        raise SignatureError(f"Its {PLAIN_TIME} is not within {TOLERANCE} seconds of the portal's clock.")
