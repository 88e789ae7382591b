"""Repositories by their addresses: what a person typed, the head of a branch, a shallow clone."""

import datetime as dt
import re
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from . import addresses, process
from .errors import GitError, translate
from .names import check_branch

__all__ = [
    "CloneLimits",
    "Commit",
    "GitError",
    "RepositoryURL",
    "RepositoryURLError",
    "clone",
    "head",
    "parse_url",
]

_LONGEST = 500
_LONGEST_BRANCH = 200
# GitHub's rule for owners (39 characters, single dashes inside), with the underscore of managed users.
_OWNER = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_]|-(?=[A-Za-z0-9_])){0,38}")
_REPOSITORY = re.compile(r"[A-Za-z0-9._-]{1,100}")
_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
#: A ls-remote prints a line; git itself writes nothing.
_SMALL = 2**20
#: Of the list of all files; a tree that holds itself ten times at each of ten levels has 10^10.
_LISTING = 32 * 2**20


class RepositoryURLError(ValueError):
    """What a person typed is no address of a repository; the text stands beside the field."""


@dataclass(frozen=True, kw_only=True)
class RepositoryURL:
    """``url`` is rebuilt from checked parts, and is what git is given; ``branch`` is empty unless named."""

    url: str
    host: str
    owner: str
    name: str
    branch: str
    web_url: str

    @property
    def protocol(self) -> str:
        """The only one that git may speak; empty, and so none, for what ``parse_url`` did not make."""
        scheme = self.url.partition("://")[0]
        return scheme if scheme in ("http", "https") else ""


@dataclass(frozen=True, kw_only=True)
class CloneLimits:
    """Of the pack that is fetched, and of the files that are written; ``seconds`` for each.

    ``depth`` is that of directories: what removes a tree opens each on its way down.
    """

    seconds: float = 60
    pack_bytes: int = 512 * 2**20
    tree_bytes: int = 1024 * 2**20
    entries: int = 50_000
    depth: int = 100


@dataclass(frozen=True, kw_only=True)
class Commit:
    """``sha`` is 40 hexadecimal digits; subject and author are whatever their author typed."""

    sha: str
    subject: str
    author: str
    committed_at: dt.datetime
    branch: str


def parse_url(text: str, *, allowed_hosts: Sequence[str]) -> RepositoryURL:
    """Understand an address as people paste it. ``allowed_hosts``: ``github.com``, or ``http://10.0.0.1:9418``.

    A name stands for HTTPS and ``owner/name``; an address that begins with a scheme for plain git below it,
    with a path of one or two parts. Both may be followed by ``.git``, a slash or ``/tree/<branch>``. Raises
    RepositoryURLError.
    """
    if not text:
        raise RepositoryURLError("Enter the address of a repository, such as https://github.com/owner/name.")
    if len(text) > _LONGEST or not text.isascii() or not text.isprintable() or " " in text:
        raise RepositoryURLError(f"Found {text[:80]!r}. An address has no spaces and no special characters.")
    for prefix in allowed_hosts:
        if "://" in prefix and text.startswith(prefix.rstrip("/") + "/"):
            return _parse_below(prefix.rstrip("/"), text)
    return _parse_https(text, [host for host in allowed_hosts if "://" not in host])


def _parse_https(text: str, hosts: Sequence[str]) -> RepositoryURL:
    try:
        parts = urlsplit(text)
        host, credentials = parts.netloc.lower(), parts.username
    except ValueError as error:
        raise RepositoryURLError(f"Found {text[:80]!r}, which is no address.") from error
    if credentials is not None:
        raise RepositoryURLError(
            "The address holds a user name or a token. Remove it: the portal never asks for one."
        )
    if parts.scheme != "https" or host not in hosts:
        offered = " or ".join(f"https://{each}/owner/name" for each in hosts)
        raise RepositoryURLError(f"Found {text[:80]!r}. Repositories are read from {offered}.")
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise RepositoryURLError(f"Found {text[:80]!r}. Leave out what stands after ? or #.")
    segments, branch = _split(parts.path, text)
    if len(segments) != 2 or not _OWNER.fullmatch(segments[0]):
        raise RepositoryURLError(f"Found {text[:80]!r}. Enter an address such as https://{host}/owner/name.")
    owner, name = segments
    web_url = f"https://{host}/{owner}/{name}"
    # GitLab redirects an address without the suffix, and redirects are not followed.
    url = web_url if host == "github.com" else f"{web_url}.git"
    return RepositoryURL(url=url, host=host, owner=owner, name=name, branch=branch, web_url=web_url)


def _parse_below(prefix: str, text: str) -> RepositoryURL:
    segments, branch = _split(text.removeprefix(prefix), text)
    if len(segments) not in (1, 2) or not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise RepositoryURLError(f"Found {text[:80]!r}. Enter an address such as {prefix}/name.")
    url = "/".join([prefix, *segments])
    owner = segments[0] if len(segments) == 2 else ""
    return RepositoryURL(
        url=url, host=urlsplit(prefix).netloc, owner=owner, name=segments[-1], branch=branch, web_url=url
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


def head(repository_url: RepositoryURL, *, branch: str, seconds: float = 20) -> str:
    """The commit that a branch points at, 40 hexadecimal digits; the default branch's when it is empty.

    Raises GitError.
    """
    _refuse_branch(branch)
    reference = f"refs/heads/{branch}" if branch else "HEAD"
    listed = _speak(
        repository_url, branch, ["ls-remote", "--", repository_url.url, reference], seconds, _SMALL
    )
    sha = listed.split("\t")[0].strip()
    if not re.fullmatch(r"[0-9a-f]{40}", sha):
        raise GitError(
            "branch-not-found", f"{repository_url.web_url} has no branch named {branch or 'HEAD'}."
        )
    return sha


def clone(
    repository_url: RepositoryURL,
    *,
    branch: str,
    destination: Path,
    commit: str = "",
    limits: CloneLimits | None = None,
) -> Commit:
    """Write a commit's files, without ``.git``, to ``destination``. Raises GitError.

    ``commit``: 40 hexadecimal digits, or empty for the branch's newest. ``branch`` may name a tag; empty, it
    is the one that the address names, or the default branch. Sizes are read from the pack before a file is
    written.
    """
    limits = limits or CloneLimits()
    branch = branch or repository_url.branch
    options = ["--quiet", "--depth=1", "--no-tags", "--single-branch", "--no-checkout", "--template="]
    _refuse_branch(branch)
    if branch:
        options.append(f"--branch={branch}")
    arguments = ["clone", *options, "--", repository_url.url, str(destination)]
    _speak(repository_url, branch, arguments, limits.seconds, limits.pack_bytes)
    newest = _read_commit(repository_url, destination, branch, "HEAD")
    if commit and commit != newest.sha:
        newest = _fetch_commit(repository_url, destination, newest.branch, commit, limits)
    _check_size(repository_url, destination, newest.sha, limits)
    checkout = ["checkout", "--quiet", "--force", newest.sha]
    _local(repository_url, destination, checkout, limits.seconds, limits.tree_bytes)
    shutil.rmtree(destination / ".git")
    return newest


def _fetch_commit(
    repository_url: RepositoryURL, tree: Path, branch: str, commit: str, limits: CloneLimits
) -> Commit:
    """One that is not the branch's newest any more."""
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        raise GitError("commit-not-found", f"{commit[:60]!r} is no commit: it has 40 hexadecimal digits.")
    arguments = ["fetch", "--quiet", "--depth=1", "--no-tags", "--", repository_url.url, commit]
    try:
        _speak(repository_url, branch, arguments, limits.seconds, limits.pack_bytes, directory=tree)
    except GitError as error:
        if error.retryable:
            raise
        raise GitError(
            "commit-not-found",
            f"{repository_url.web_url} has no commit {commit[:12]} (any more).",
            log=error.log,
        ) from error
    return _read_commit(repository_url, tree, branch, commit)


def _refuse_branch(branch: str) -> None:
    """A person's branch was checked by the form; a row may hold what was written to it otherwise."""
    try:
        if branch:
            check_branch(branch)
    except ValueError as error:
        raise GitError("branch-refused", str(error)) from error


def _speak(
    repository_url: RepositoryURL,
    branch: str,
    arguments: list[str],
    seconds: float,
    file_bytes: int,
    directory: Path | None = None,
) -> str:
    """Run git against the other side."""
    pinned = addresses.pinned(repository_url.host) if repository_url.protocol == "https" else {}
    try:
        outcome = process.run(
            arguments,
            seconds=seconds,
            file_bytes=file_bytes,
            protocol=repository_url.protocol,
            configuration=pinned,
            directory=directory,
        )
    except process.GitTimeoutError as error:
        raise GitError(
            "repository-too-slow", f"{repository_url.web_url} did not arrive within {seconds:.0f} seconds."
        ) from error
    if outcome.code:
        raise translate(outcome.log, url=repository_url.web_url, host=repository_url.host, branch=branch)
    return outcome.output


def _local(
    repository_url: RepositoryURL, tree: Path, arguments: list[str], seconds: float, file_bytes: int
) -> str:
    try:
        outcome = process.run(arguments, seconds=seconds, file_bytes=file_bytes, directory=tree)
    except process.GitTimeoutError as error:
        raise GitError(
            "repository-too-large", f"{repository_url.web_url} takes too long to unpack."
        ) from error
    if outcome.code == -signal.SIGXFSZ:
        raise GitError("repository-too-large", f"{repository_url.web_url} is too large to be deployed.")
    if outcome.code:
        raise GitError(
            "git-failed", f"{repository_url.web_url} could not be unpacked by git.", log=outcome.log
        )
    return outcome.output


def _read_commit(repository_url: RepositoryURL, tree: Path, branch: str, revision: str) -> Commit:
    shape = ["log", "-1", "--format=%H%x00%s%x00%an%x00%cI", revision]
    try:
        name = branch or _local(repository_url, tree, ["symbolic-ref", "--short", "HEAD"], 10, _SMALL).strip()
        sha, subject, author, committed_at = (
            _local(repository_url, tree, shape, 10, _SMALL).strip().split("\0")
        )
        at = dt.datetime.fromisoformat(committed_at)
    except (GitError, ValueError) as error:
        raise GitError("repository-empty", f"{repository_url.web_url} holds no commit yet.") from error
    if len(name) > _LONGEST_BRANCH or not name.isprintable():
        raise GitError("branch-refused", f"The default branch of {repository_url.web_url} cannot be named.")
    return Commit(
        sha=sha,
        subject=subject,
        author=author,
        # Its author may have written any time, and some that no other time zone has.
        committed_at=min(at, dt.datetime.now(dt.UTC)),
        branch=name,
    )


def _check_size(repository_url: RepositoryURL, tree: Path, sha: str, limits: CloneLimits) -> None:
    listed = _local(repository_url, tree, ["ls-tree", "-r", "-z", "-l", sha], limits.seconds, _LISTING)
    lines = [line.partition("\t") for line in listed.split("\0") if line]
    sizes = [about.split()[-1] for about, _, _ in lines]
    total = sum(int(size) for size in sizes if size.isdigit())
    if max((path.count("/") for _, _, path in lines), default=0) > limits.depth:
        raise GitError(
            "repository-too-large",
            f"{repository_url.web_url} holds directories in each other more than {limits.depth} deep.",
        )
    if len(sizes) > limits.entries or total > limits.tree_bytes:
        raise GitError(
            "repository-too-large",
            f"{repository_url.web_url} holds {len(sizes):,} files of {total / 2**20:,.0f} MB together; "
            f"at most {limits.entries:,} files and {limits.tree_bytes / 2**20:,.0f} MB can be deployed.",
        )
