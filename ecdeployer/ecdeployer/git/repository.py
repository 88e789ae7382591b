"""Repositories by their addresses, with a deploy key or without: the head of a branch, a shallow clone."""

import datetime as dt
import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import addresses, process, ssh
from .errors import GitError, translate
from .names import check_branch
from .repository_url import RepositoryURL, RepositoryURLError, parse_url
from .ssh import Key

__all__ = [
    "CloneLimits",
    "Commit",
    "GitError",
    "Key",
    "RepositoryURL",
    "RepositoryURLError",
    "clone",
    "head",
    "parse_url",
]

_LONGEST_BRANCH = 200
#: A ls-remote prints a line; git itself writes nothing.
_SMALL = 2**20
#: Of the list of all files; a tree that holds itself ten times at each of ten levels has 10^10.
_LISTING = 32 * 2**20


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


def head(repository_url: RepositoryURL, *, branch: str, key: Key | None = None, seconds: float = 20) -> str:
    """The commit that a branch points at, 40 hexadecimal digits; the default branch's when it is empty.

    Raises GitError.
    """
    _refuse_branch(branch)
    reference = f"refs/heads/{branch}" if branch else "HEAD"
    remote = _Remote(repository_url, branch, key)
    listed = remote.speak(["ls-remote", "--", remote.address, reference], seconds, _SMALL)
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
    key: Key | None = None,
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
    remote = _Remote(repository_url, branch, key)
    arguments = ["clone", *options, "--", remote.address, str(destination)]
    remote.speak(arguments, limits.seconds, limits.pack_bytes)
    newest = _read_commit(repository_url, destination, branch, "HEAD")
    if commit and commit != newest.sha:
        newest = _fetch_commit(remote, destination, newest.branch, commit, limits)
    _check_size(repository_url, destination, newest.sha, limits)
    checkout = ["checkout", "--quiet", "--force", newest.sha]
    _local(repository_url, destination, checkout, limits.seconds, limits.tree_bytes)
    shutil.rmtree(destination / ".git")
    return newest


def _fetch_commit(remote: "_Remote", tree: Path, branch: str, commit: str, limits: CloneLimits) -> Commit:
    """One that is not the branch's newest any more."""
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        raise GitError("commit-not-found", f"{commit[:60]!r} is no commit: it has 40 hexadecimal digits.")
    arguments = ["fetch", "--quiet", "--depth=1", "--no-tags", "--", remote.address, commit]
    try:
        remote.speak(arguments, limits.seconds, limits.pack_bytes, directory=tree)
    except GitError as error:
        if error.retryable:
            raise
        raise GitError(
            "commit-not-found",
            f"{remote.url.web_url} has no commit {commit[:12]} (any more).",
            log=error.log,
        ) from error
    return _read_commit(remote.url, tree, branch, commit)


def _refuse_branch(branch: str) -> None:
    """A person's branch was checked by the form; a row may hold what was written to it otherwise."""
    try:
        if branch:
            check_branch(branch)
    except ValueError as error:
        raise GitError("branch-refused", str(error)) from error


@dataclass(frozen=True)
class _Remote:
    """The other side: where it is, and what opens it."""

    url: RepositoryURL
    branch: str
    key: Key | None

    @property
    def address(self) -> str:
        return self.url.ssh_url if self.key and self.url.ssh_url else self.url.url

    @property
    def protocol(self) -> str:
        """The only one that git may speak; empty, and so none, for what ``parse_url`` did not make."""
        scheme = self.address.partition("://")[0]
        return scheme if scheme in ("http", "https", "ssh") else ""

    def speak(
        self, arguments: list[str], seconds: float, file_bytes: int, directory: Path | None = None
    ) -> str:
        """Run git against it. Raises GitError."""
        try:
            with self._way() as (configuration, variables):
                outcome = process.run(
                    arguments,
                    seconds=seconds,
                    file_bytes=file_bytes,
                    protocol=self.protocol,
                    configuration=configuration,
                    variables=variables,
                    directory=directory,
                )
        except process.GitTimeoutError as error:
            raise GitError(
                "repository-too-slow", f"{self.url.web_url} did not arrive within {seconds:.0f} seconds."
            ) from error
        if outcome.code:
            raise translate(
                outcome.log,
                url=self.url.web_url,
                host=self.url.host,
                branch=self.branch,
                not_found=self._not_found,
            )
        return outcome.output

    @property
    def _not_found(self) -> str:
        if not self.url.ssh_url:
            return "repository-not-found"
        return "repository-not-opened" if self.key else "repository-private"

    @contextmanager
    def _way(self) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
        """git's configuration and variables. A host that is named goes to an address that was checked."""
        named = self.url.url.startswith("https://")
        if self.protocol != "ssh":
            yield addresses.pinned(self.url.host) if named else {}, {}
            return
        if self.key is None:
            raise GitError(
                "deploy-key-missing", f"{self.url.web_url} is read by SSH, which takes a deploy key."
            )
        host = self.url.host.partition(":")[0]
        address = addresses.public_addresses(host, port=22)[0] if named else ""
        with ssh.opened(self.key, host=host, address=address) as variables:
            yield {}, variables


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
