"""The portal over HTTP: requests are sent again until they are answered once; refusals are failures."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from random import SystemRandom
from time import sleep
from typing import Any, cast
from uuid import uuid4

import requests

from . import __version__
from .failures import NotSignedInFailure, RefusedFailure, UnreachableFailure

Record = dict[str, Any]

#: Seconds: to connect, and between two bytes of an answer.
_TIMEOUT = (10, 60)
_ATTEMPTS = 5
_LONGEST_PAUSE = 60.0
#: Not now, but soon.
_PASSING = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}
_LOST = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


class Portal:
    """One portal, for the person of one token."""

    def __init__(self, address: str, token: str) -> None:
        self.address = address
        self._session = requests.Session()
        self._session.headers["User-Agent"] = f"ecdeploy/{__version__}"
        self._session.auth = _Bearer(token)

    def get(self, path: str, **parameters: object) -> Record:
        return self._ask("GET", path, params=parameters)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Record:
        """Once and only once, however often it has to be sent."""
        return self._ask("POST", path, json=body, headers=_new_key())

    def patch(self, path: str, body: Mapping[str, Any]) -> Record:
        """Once, too."""
        return self._ask("PATCH", path, json=body, headers=_new_key())

    def put(self, path: str, body: Mapping[str, Any]) -> Record:
        """All of something: sent twice, it is the same."""
        return self._ask("PUT", path, json=body)

    def walk(self, path: str, name: str, /, **parameters: object) -> Iterator[Record]:
        """Every record of a list, page after page."""
        cursor: str | None = ""
        while cursor is not None:
            page = self.get(path, limit=100, cursor=cursor, **parameters)
            yield from page[name]
            cursor = page["next"]

    def _ask(self, method: str, path: str, **what: Any) -> Record:
        answer = self._send(method, f"{self.address}/api/v1{path}", what)
        try:
            record = answer.json()
        except ValueError:
            record = None
        if answer.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            raise _failure(self.address, answer, record if isinstance(record, dict) else {})
        if not isinstance(record, dict):
            raise UnreachableFailure(
                f"{self.address} does not answer as a portal does. Is the address right?"
            )
        return cast("Record", record)

    def _send(self, method: str, url: str, what: Mapping[str, Any]) -> requests.Response:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                # A token goes to the address that was named, and follows no redirection.
                answer = self._session.request(method, url, timeout=_TIMEOUT, allow_redirects=False, **what)
            except _LOST as error:
                if attempt == _ATTEMPTS or isinstance(error, requests.exceptions.SSLError):
                    raise UnreachableFailure(f"{self.address} cannot be reached: {_reason(error)}") from error
                wait = _pause(attempt)
            except requests.RequestException as error:
                raise UnreachableFailure(f"{self.address} cannot be asked: {_reason(error)}") from error
            else:
                if answer.status_code not in _PASSING or attempt == _ATTEMPTS:
                    return answer
                wait = _asked_pause(answer.headers.get("Retry-After", "")) or _pause(attempt)
            sleep(wait)
        raise AssertionError("the last attempt answers or raises")


class _Bearer(requests.auth.AuthBase):
    """As auth and not as a header: requests would let a .netrc take a header's place."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _new_key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid4())}


def _pause(attempt: int) -> float:
    return 0.5 * float(2 ** (attempt - 1)) * (1 + SystemRandom().random() / 2)


def _asked_pause(header: str) -> float:
    """Retry-After in seconds, from either of its forms; 0 where there is none."""
    try:
        until = parsedate_to_datetime(header)
        seconds = (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    except ValueError:
        seconds = float(header) if re.fullmatch("[0-9]{1,6}", header) else 0
    return min(max(seconds, 0), _LONGEST_PAUSE)


def _reason(error: Exception) -> str:
    """The innermost words: the outer ones name objects of libraries."""
    found = re.findall(r"\[Errno -?\d+\] ([^'\")]+)|(timed out)|(certificate verify failed[^(]*)", str(error))
    return next((part for parts in found for part in parts if part), type(error).__name__)


def _failure(address: str, answer: requests.Response, problem: Record) -> Exception:
    status = answer.status_code
    if status == HTTPStatus.UNAUTHORIZED:
        return NotSignedInFailure(f"The token for {address} is not good any more: ecdeploy login {address}")
    if status < HTTPStatus.BAD_REQUEST:
        to = re.match(r"https?://[^/]+", answer.headers.get("Location", ""))
        there = to[0] if to else "another address"
        return UnreachableFailure(f"{address} sends on to {there}. Sign in there: ecdeploy login {there}")
    if not problem or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        said = problem.get("detail") or f"it answered {status}"
        return UnreachableFailure(f"{address} could not do it: {said}")
    return RefusedFailure(_words_of(problem))


def _words_of(problem: Record) -> str:
    """The detail, then each field's errors. A detail that only repeats them gives way to the title."""
    detail = str(problem.get("detail") or problem.get("title"))
    errors = problem.get("errors")
    if not isinstance(errors, dict) or not errors:
        return detail
    lines = [f"  {field}: {message}" for field, messages in errors.items() for message in messages]
    repeated = all(line.strip() in detail for line in lines)
    return "\n".join([f"{problem.get('title')}:" if repeated else detail, *lines])
