"""What to do about a failure, by its code. A finding of preflight brings its own."""

_LOG = "The log of the step shows the whole of it."
_AGAIN = "Deploy again. If it happens again, ask the operator of this portal."

REMEDIES: dict[str, str] = {
    "install-failed": "Change the requirements so that they install on Debian 12, push, and deploy again. "
    + _LOG,
    "clone-failed": "See that the repository can be read, as before, and deploy again. " + _LOG,
    "repository-private": "If it is private, make a deploy key under Repository, add it to the repository's "
    "deploy keys, and deploy again. If not, compare the spelling.",
    "repository-not-opened": "Compare the spelling, see that the public half under Repository is among this "
    "repository's deploy keys, and deploy again.",
    "deploy-key-refused": "Add the public half that stands under Repository to the repository's deploy keys, "
    "and deploy again.",
    "deploy-key-missing": "Make a deploy key under Repository, add it to the repository's deploy keys, and "
    "deploy again.",
    "deploy-key-lost": "Make a new key under Repository, let it replace the old one, and deploy again.",
    "deploy-key-unreadable": _AGAIN,
    "host-key-changed": "The operator has to find out whether the host has a new key, or somebody stands "
    "between: GIT_KNOWN_HOSTS tells the portal of a new one.",
    "host-key-unknown": "The operator has to pin the host's key in GIT_KNOWN_HOSTS. Then deploy again.",
    "ssh-missing": "The operator has to install openssh-client, or build a new golden image. "
    "Then deploy again.",
    "venv-failed": "See which Python the project asks for, and deploy again. " + _LOG,
    "configure-failed": "The settings cannot be imported on the machine: mend what the log names.",
    "collectstatic-failed": "Run `manage.py collectstatic` locally, mend what it says, and deploy again. "
    + _LOG,
    "migrate-failed": "Run `manage.py migrate` on an empty database, mend what it says, and deploy again.",
    "move-failed": "The machine that served serves on. See the reason, and rebuild again.",
    "address-refused": "The operator has to compare the permissions. The machine that served serves on.",
    "migrations-unconfirmed": "Look at the migrations on the page of this deployment, and deploy with them.",
    "copy-failed": "Make room on the machine's disk, or choose a larger one, and deploy again.",
    "start-failed": "The site ended while it started. " + _LOG,
    "environment-variable-missing": "Set the variable under Environment, and deploy again.",
    "environment-unreadable": _AGAIN,
    "scripts-unreadable": "The operator has to run manage.py ensure_infrastructure. Then deploy again.",
    "health-disallowed-host": "Let ALLOWED_HOSTS hold the machine's address, and middleware let it pass.",
    "health-bad-request": "Mend what the last traceback of the log names, push, and deploy again.",
    "health-server-error": "Mend what the last traceback of the log names, push, and deploy again.",
    "health-redirect-loop": "Look for middleware that redirects every page, and deploy again.",
    "health-https-redirect": "Switch SECURE_SSL_REDIRECT off for now: the address has no certificate.",
    "health-not-found": "Correct the health path, or let the site answer it.",
    "health-status": "Choose a health path that the site answers for everyone.",
    "preflight-unreadable": "Ask the operator of this portal; the details are in its log.",
    "address-unreachable": "See the instance's state and its log, and deploy again.",
    "command-failed": _AGAIN,
    "command-cancelled": "Whoever works in the AWS account may know why. Deploy again.",
    "command-undelivered": "See that the instance runs, and deploy again. If it happens again, terminate it.",
    "command-denied": "The operator has to run manage.py ensure_infrastructure, and compare the permissions.",
    "command-unfit": "The operator has to run manage.py build_golden_image. Then deploy on a new instance.",
    "command-unlisted": _AGAIN,
    "instance-gone": "Deploy again: a new instance is launched when the old one has gone.",
    "instance-stopped": "Start the instance, and deploy again.",
    "worker-lost": "The operator's log tells more. Deploy again.",
    "no-machine": "See the instances of the account, and deploy again.",
    "release-gone": "Choose another release, or deploy the commit again.",
    "queue-timeout": "The operator has to see that a worker runs. Then deploy again.",
}


def remedy_for(code: str) -> str:
    if code.endswith("-timeout"):
        return REMEDIES.get(code, f"{_LOG} {_AGAIN}")
    return REMEDIES.get(code, _LOG)
