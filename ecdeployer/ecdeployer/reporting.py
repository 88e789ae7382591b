"""Errors on their way to Sentry: what went wrong and where, but nobody's name, no variable and no secret."""

from typing import Any

import sentry_sdk
from sentry_sdk.transport import Transport

from .logs import known_secrets
from .redaction import redact_value

#: Of a request: what it asked for. Not its body, query, cookies, headers or environment.
_REQUEST = ("method", "url")


def start(dsn: str, *, transport: Transport | None = None) -> None:
    sentry_sdk.init(
        dsn,
        include_local_variables=False,
        max_request_body_size="never",
        before_send=_redact_event,  # type: ignore[arg-type]
        before_breadcrumb=lambda crumb, _: redact_value(crumb, known_secrets()),
        transport=transport,
    )


def _redact_event(event: dict[str, Any], _: dict[str, Any]) -> dict[str, Any]:
    event.pop("user", None)
    if "request" in event:
        request = event["request"]
        event["request"] = {name: request[name] for name in _REQUEST if name in request}
    redacted: dict[str, Any] = redact_value(event, known_secrets())
    return redacted
