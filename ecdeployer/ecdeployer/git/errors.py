"""What git says when it fails, in words for the person who typed the address."""

import re


class GitError(Exception):
    """``retryable``: the same again, later, may succeed. ``log`` is what git wrote."""

    def __init__(self, code: str, message: str, *, retryable: bool = False, log: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.retryable, self.log = code, message, retryable, log


_MESSAGES = {
    "branch-not-found": "{url} has no branch or tag named {branch}.",
    "deploy-key-refused": "{host} does not accept the application's deploy key.",
    "host-key-changed": (
        "{host} shows another host key than the one that this portal has pinned. Nothing was fetched."
    ),
    "host-key-unknown": "This portal has no host key of {host} pinned. Nothing was fetched.",
    "repository-moved": "{url} answers with a redirect: it was renamed or moved. Enter its new address.",
    "repository-not-found": (
        "There is no public repository at {url}. Compare the spelling; a private repository cannot be read."
    ),
    "repository-not-opened": "There is no repository at {url} that the application's deploy key opens.",
    "repository-private": (
        "{url} cannot be read without a key: it is private, or there is none of this name."
    ),
    "repository-too-large": "{url} is too large to be deployed.",
    "repository-unreachable": "{host} does not answer at the moment.",
    "ssh-missing": "A deploy key opens {host} by SSH, and this portal has no ssh program.",
}
_RETRYABLE = {"repository-unreachable"}
# The first that is found decides. Messages of git 2.39, curl 7.88 and OpenSSH 9.2; and of GitHub, GitLab and
# Bitbucket for a key that is another repository's.
_TABLE = (
    ("host-key-changed", r"REMOTE HOST IDENTIFICATION HAS CHANGED|REVOKED HOST KEY"),
    ("host-key-unknown", r"Host key verification failed|host key is known for"),
    ("deploy-key-refused", r"Permission denied \(|Too many authentication failures"),
    ("ssh-missing", r"cannot run ssh|ssh: (command )?not found"),
    (
        "repository-not-found",
        r"ERROR: Repository not found|The project you were looking for could not be found",
    ),
    ("repository-not-found", r"does not appear to be a git repository|Repository access denied"),
    ("repository-unreachable", r"ssh: connect to host|kex_exchange_identification|Connection closed"),
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


def translate(
    log: str, *, url: str, host: str, branch: str, not_found: str = "repository-not-found"
) -> GitError:
    """The error for what git wrote before it failed. ``not_found``: the code where the host shows nothing."""
    code = next((code for code, pattern in _TABLE if re.search(pattern, log)), "git-failed")
    if code == "repository-not-found":
        code = not_found
    if code == "git-failed":
        last = next((line for line in reversed(log.splitlines()) if line.strip()), "no reason given")
        # The other side may have written it, for a terminal to obey.
        shown = "".join(filter(str.isprintable, last))[:300]
        return GitError(code, f"{url} cannot be cloned: {shown}", log=log)
    message = _MESSAGES[code].format(url=url, host=host, branch=branch)
    return GitError(code, message, retryable=code in _RETRYABLE, log=log)
