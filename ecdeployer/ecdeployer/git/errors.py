"""What git says when it fails, in words for the person who typed the address."""

import re


class GitError(Exception):
    """``retryable``: the same again, later, may succeed. ``log`` is what git wrote."""

    def __init__(self, code: str, message: str, *, retryable: bool = False, log: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.retryable, self.log = code, message, retryable, log


_MESSAGES = {
    "branch-not-found": "{url} has no branch or tag named {branch}.",
    "repository-moved": "{url} answers with a redirect: it was renamed or moved. Enter its new address.",
    "repository-not-found": (
        "There is no public repository at {url}. Compare the spelling; a private repository cannot be read."
    ),
    "repository-too-large": "{url} is too large to be deployed.",
    "repository-unreachable": "{host} does not answer at the moment.",
}
_RETRYABLE = {"repository-unreachable"}
# The first that is found in git's words decides. Messages of git 2.39 and of curl 7.88.
_TABLE = (
    ("branch-not-found", r"Remote branch .* not found"),
    ("repository-moved", r"returned error: 30[12378]"),
    ("repository-unreachable", r"returned error: (429|5\d\d)"),
    ("repository-not-found", r"repository .* not found|returned error: 4\d\d"),
    ("repository-not-found", r"could not read (Username|Password)|Authentication failed|prompts disabled"),
    ("repository-too-large", r"File (too large|size limit)|signal 25|index-pack (died|failed)"),
    ("repository-unreachable", r"Could not resolve|Failed to connect|Couldn't connect|Operation too slow"),
    ("repository-unreachable", r"timed out|timeout|reset by peer|RPC failed|early EOF|hung up"),
    ("repository-unreachable", r"unexpected disconnect|SSL|gnutls"),
    # All that git says of an index-pack that the limit on file sizes has ended.
    ("repository-too-large", r"invalid index-pack output"),
)


def translate(log: str, *, url: str, host: str, branch: str) -> GitError:
    """The error for what git wrote before it failed."""
    code = next((code for code, pattern in _TABLE if re.search(pattern, log)), "git-failed")
    if code == "git-failed":
        last = next((line for line in reversed(log.splitlines()) if line.strip()), "no reason given")
        # The other side may have written it, for a terminal to obey.
        shown = "".join(filter(str.isprintable, last))[:300]
        return GitError(code, f"{url} cannot be cloned: {shown}", log=log)
    message = _MESSAGES[code].format(url=url, host=host, branch=branch)
    return GitError(code, message, retryable=code in _RETRYABLE, log=log)
