"""Which application is meant: by its id, its name, or the repository that this directory is a clone of."""

import re
import subprocess
from uuid import UUID

from .failures import RefusedFailure
from .portal import Portal, Record
from .terminal import line

_REMOTE = re.compile(r"(?:[a-z+]+://)?(?:[^@/]+@)?(?P<host>[^:/]+)(?::\d+(?=/))?[:/]+(?P<path>.+)")


def find(portal: Portal, named: str | None) -> Record:
    """Raises RefusedFailure, which says how to name it."""
    if not named:
        return _of_this_directory(portal)
    pk = _id_of(named)
    if pk:
        return portal.get(f"/applications/{pk}")
    found = list(portal.walk("/applications", "applications", name=named))
    if not found:
        raise RefusedFailure(f"You have no application named {line(named)}. See: ecdeploy apps")
    return _only(found, f"named {line(named)}")


def _only(found: list[Record], which: str) -> Record:
    if len(found) > 1:
        names = "".join(f"\n  {each['id']}  {line(each['name'])} of {line(each['owner'])}" for each in found)
        raise RefusedFailure(f"{len(found)} applications are {which}. Take one by its id, with --app:{names}")
    return found[0]


def _of_this_directory(portal: Portal) -> Record:
    remotes = _remotes()
    if not remotes:
        raise RefusedFailure(
            "Say which application: --app NAME. (This directory is no clone of a repository.)"
        )
    every = portal.walk("/applications", "applications")
    found = [each for each in every if repository_of(each["github_url"]) in remotes]
    going_on = [each for each in found if not each["terminate_requested_at"]] or found
    if not going_on:
        raise RefusedFailure(
            "Say which application: --app NAME. (None of yours has this directory's repository.)"
        )
    return _only(going_on, "of this directory's repository")


def _remotes() -> set[str]:
    try:
        command = ["git", "config", "--get-regexp", r"^remote\..*\.url$"]
        said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return set()
    return {repository_of(each.partition(" ")[2]) for each in said.stdout.splitlines()}


def repository_of(url: str) -> str:
    """``host/owner/name``, the same for every way of writing a repository's address."""
    found = _REMOTE.fullmatch(url.strip())
    if not found:
        return url.strip()
    path = found["path"].strip("/").removesuffix(".git")
    return f"{found['host']}/{path}".lower()


def _id_of(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
