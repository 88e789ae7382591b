"""The page docs/faults.md, drawn from the table of AWS's refusals."""

from .errors import RULES, UNAVAILABLE, Rule

_HEAD = """\
# What AWS refuses, and what becomes of it

Written by `python -m ecdeployer.aws.faults_page` from the table in `aws/errors.py`; a test compares, and
`tests/unit/instances/test_faults.py` drives every code through every call. The person reads the sentence in
the table; the operator's log has AWS's code, its own words, the call and the request's id, and for
`UnauthorizedOperation` the decoded message. A code that is not here is a refusal for good, and any answer of
5xx is `unavailable`.
"""
#: By kind: what a launch does, and what everything else does.
BEHAVIOUR = {
    "throttled": (
        "the same request again, with the same token; the queue for all launches slows down",
        "again",
    ),
    "unavailable": ("the same request again, with the same token", "again"),
    "capacity": ("a new attempt in the next zone; after all of them it fails, and says so", "fails"),
    "limit": (
        "all launches wait 30 seconds, and the operator is alarmed; then the same request again",
        "again",
    ),
    "paused": (
        "all launches wait 30 seconds, and the operator is alarmed; then the same request again",
        "again",
    ),
    "credentials": (
        "all launches wait 15 seconds, and the operator is alarmed; expired: the same request, else: fails",
        "expired: again, else: fails",
    ),
    "invalid": ("fails at once", "fails"),
    "denied": ("fails at once", "fails"),
    "not-found": (
        "fails at once, unless an earlier request has launched a machine",
        "an end: the machine is described first; a command: the agent is not up yet, again",
    ),
    "mismatch": ("the machine is looked up by its tag and adopted; if it has ended, a new attempt", "fails"),
}


def render() -> str:
    by_rule: dict[Rule, list[str]] = {}
    for code, rule in RULES.items():
        by_rule.setdefault(rule, []).append(code)
    lines = [
        _HEAD,
        "| codes | kind | the person reads | a launch | everything else |",
        "|---|---|---|---|---|",
    ]
    for rule, codes in by_rule.items():
        launch, other = BEHAVIOUR[rule.kind]
        names = ", ".join(f"`{code}`" for code in sorted(codes))
        names += ", no answer, any 5xx" if rule == UNAVAILABLE else ""
        lines.append(f"| {names} | {rule.kind} | {rule.person} | {launch} | {other} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(render(), end="")
