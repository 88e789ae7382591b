"""A request that is sent again with its Idempotency-Key does nothing again, and is answered as before.

The key, what the request does and its answer are one transaction: of two requests at once the second waits
for the first, and one that was refused or died leaves no key behind, so that it can be tried again.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.db import transaction
from django.http import HttpResponse
from django.utils import timezone
from django.utils.crypto import salted_hmac

from .authentication import ApiRequest
from .models import KeptAnswer
from .problems import InvalidError, KeyReusedError

KEPT = timedelta(days=1)
HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
_KEY = re.compile(r"[!-~]{1,255}")
Rest = ParamSpec("Rest")
View = Callable[Concatenate[ApiRequest, Rest], HttpResponse]

#: For the OpenAPI document of an endpoint that is ``once_for_a_key``.
DOCUMENTED: dict[str, Any] = {
    "parameters": [
        {
            "in": "header",
            "name": HEADER,
            "required": False,
            "schema": {"type": "string", "pattern": f"^{_KEY.pattern}$"},
            "description": "Any text of your own, such as a UUID. The same request with the same key does "
            "nothing again, and is answered as the first time, for a day.",
        }
    ]
}


def once_for_a_key(view: View[Rest]) -> View[Rest]:
    @wraps(view)
    def once(request: ApiRequest, /, *args: Rest.args, **kwargs: Rest.kwargs) -> HttpResponse:
        key = request.headers.get(HEADER)
        if key is None:
            return view(request, *args, **kwargs)
        if not _KEY.fullmatch(key):
            raise InvalidError({HEADER: ["Write 1 to 255 printable ASCII characters, without spaces."]})
        KeptAnswer.objects.filter(created_at__lt=timezone.now() - KEPT).delete()
        with transaction.atomic():
            kept, is_new = _claim(request, key)
            if not is_new:
                return _repeat(kept)
            answer = view(request, *args, **kwargs)
            _keep(kept, answer)
            return answer

    return once


def _claim(request: ApiRequest, key: str) -> tuple[KeptAnswer, bool]:
    """The key's row, and whether this request made it. Raises KeyReusedError."""
    # Keyed, since the body may hold what is secret and short.
    sent = f"{request.method} {request.path}\n".encode() + request.body
    fingerprint = salted_hmac(__name__, sent, algorithm="sha256").hexdigest()
    kept, is_new = KeptAnswer.objects.get_or_create(
        user=request.auth, key=key, defaults={"fingerprint": fingerprint}
    )
    if kept.fingerprint != fingerprint:
        raise KeyReusedError
    return kept, is_new


def _keep(kept: KeptAnswer, answer: HttpResponse) -> None:
    kept.status, kept.body = answer.status_code, answer.content.decode()
    kept.location = answer.headers.get("Location", "")
    kept.save(update_fields=["status", "body", "location"])


def _repeat(kept: KeptAnswer) -> HttpResponse:
    headers = {"Location": kept.location, REPLAYED: "true"}
    return HttpResponse(kept.body, status=kept.status, content_type="application/json", headers=headers)
